"""Publishing a township's finances (财务公开, M-112…M-115): five stages in order, by page, by forged request and by two at once."""

import asyncio
import hashlib
import io
import zipfile

import pytest
from sqlalchemy import func, select
from support.finances import DRAFT, PDF, Office, add_township
from support.tickets import City
from support.web import Browser, as_

from agent_desktop.inspect.audit_words import ACTIONS
from agent_desktop.packing import SUMS
from core.audit import AuditRow
from tickets.finances import way
from tickets.finances.errors import WrongStage
from tickets.finances.models import FinanceMark, FinancePaper, FinanceSignature
from tickets.finances.stages import Signatory, Stage

ORDER = list(Stage)


@pytest.fixture
async def office(city: City, browser: Browser) -> Office:
    """With `clerk_t` of the township signed in."""
    await add_township(city)
    await as_(browser, "clerk_t")
    return Office(city, browser)


async def test_a_notice_goes_its_way_to_the_archive(office: Office):
    """Each gate says what is short; the web shows it only from 网络 on; the package opens offline and its checksums are right."""
    path, browser = await office.begin(content="", decision=""), office.browser
    assert "缺公开内容；缺集体讨论决定" in await office.finish(path, Stage.PREPARATION, 422)
    await office.do(path, "edit", **{**DRAFT, "content": "付给王五 13800001234"})
    assert "疑似有手机号码（13800001234）" in await office.finish(path, Stage.PREPARATION, 422)
    await office.do(path, "edit", **DRAFT)
    await office.finish(path, Stage.PREPARATION)
    assert (await office.paper(path, "realised")).status == 303
    assert "“财务支出”缺依据（票、据、表）" in await office.finish(path, Stage.BASIS, 422)
    assert (await office.paper(path, "vouchers", b"MZ not a scan")).status == 415
    assert (await office.paper(path, "vouchers")).status == 303
    await office.finish(path, Stage.BASIS)
    await office.sign(path, Signatory.CONSULTATIVE)
    refusal = await office.finish(path, Stage.REVIEW, 422)
    assert "还差政协委员 1 人签字；主要负责人没有审签" in refusal
    await office.do(path, "signature", 422, category="consultative", name="钱委员", signed_on="2026-06-02")
    await office.do(path, "signature", category="consultative", name="钱委员", signed_on="2026-06-01")
    await office.do(path, "signature", 409, category="consultative", name="钱委员", signed_on="2026-06-01")
    await office.do(path, "sign-off", 403)
    await as_(browser, "head_t")
    await office.do(path, "sign-off")
    await office.do(path, "sign-off", 409)
    await office.finish(path, Stage.REVIEW)
    public = f"/finance-notices/{(await office.notice()).public_id}"
    assert (await browser.get(public)).status == 404
    await office.do(path, "channel", channel="web", on="2026-06-01")
    assert DRAFT["content"] in await (await browser.get(public)).text()
    refusal = await office.finish(path, Stage.PUBLICATION, 422)
    assert "没有登记政务栏公开的日期；缺政务栏照片" in refusal
    await office.do(path, "channel", 422, channel="board", on="2026-05-31")
    await office.do(path, "channel", channel="board", on="2026-06-01", note="镇政府大门口")
    assert "缺政务栏照片" in await office.finish(path, Stage.PUBLICATION, 422)
    assert (await office.paper(path, "board_photo", PDF, "../公开栏.pdf")).status == 303
    await office.finish(path, Stage.PUBLICATION)
    assert "示范县清水镇政务党务公开专栏" in await (await browser.get(f"{path}/board?size=a3")).text()
    assert (await browser.get(f"{path}/archive.zip")).status == 409
    assert "缺档号" in await office.finish(path, Stage.ARCHIVE, 422, archive_no=" ", archive_form="both")
    await office.finish(path, Stage.ARCHIVE, archive_no="QS-2026-01", archive_form="both")
    package = zipfile.ZipFile(io.BytesIO(await (await browser.get(f"{path}/archive.zip")).read()))
    sums = {line[66:]: line[:64] for line in package.read(SUMS).decode().splitlines()}
    assert sums == {
        name: hashlib.sha256(package.read(name)).hexdigest() for name in package.namelist() if name != SUMS
    }
    assert len(sums) == 6
    text = package.read("档案.html").decode()
    told = (
        "QS-2026-01",
        DRAFT["content"],
        "钱委员",
        "head_t",
        "示范县清水镇政务党务公开专栏",
        sums["材料/04 政务栏照片 公开栏.pdf"],
    )
    assert [one for one in told if one not in text] == []
    assert "http" not in text
    async with office.city.db.reading() as session:
        actions = set(
            await session.scalars(select(AuditRow.action).where(AuditRow.action.startswith("finance.")))
        )
    assert actions == actions & set(ACTIONS)
    assert {"finance.begin", "finance.sign_off", "finance.advance", "finance.export"} <= actions


async def test_no_stage_is_skipped_or_taken_out_of_order(office: Office):
    """In each stage every other stage's forms are refused with 409 and leave nothing behind; a finished one takes none at all."""
    path = await office.begin()
    steps = (lambda: office.finish(path, Stage.PREPARATION), lambda: office.prove(path),
             lambda: office.review(path), lambda: office.publish(path),
             lambda: office.finish(path, Stage.ARCHIVE, archive_no="1", archive_form="paper"))  # fmt: skip
    forms = {
        Stage.PREPARATION: ("edit", DRAFT),
        Stage.REVIEW: ("signature", {"category": "party", "name": "越", "signed_on": "2026-06-01"}),
        Stage.PUBLICATION: ("channel", {"channel": "board", "on": "2026-06-01"}),
    }
    purposes = {Stage.BASIS: "budget", Stage.REVIEW: "signatures", Stage.PUBLICATION: "board_photo"}
    for stage, step in zip(ORDER, (*steps, None), strict=True):
        before = await _rows(office.city)
        for other in ORDER:
            if other != stage or other == Stage.FILED:
                await office.finish(path, other, 409, archive_no="9", archive_form="paper")
            if other != stage and other in forms:
                deed, fields = forms[other]
                await office.do(path, deed, 409, **fields)
            if other != stage and other in purposes:
                assert (await office.paper(path, purposes[other])).status == 409
        assert ((await office.notice()).stage, await _rows(office.city)) == (stage, before)
        if step:
            await step()
    await office.do(path, "advance", 422, stage="over")
    await office.do(path, "leap", 404)


async def test_two_people_at_once_finish_a_stage_once(office: Office):
    """Of two who press 完成 together one is told where the notice stands; evidence cannot be taken away beneath the other."""
    path, city = await office.begin(), office.city
    notice_id = (await office.notice()).id

    async def finish(name: str, stage: Stage) -> str:
        async with city.db.unit_of_work() as session:
            user = await city.user(session, name)
            done = await way.advance(session, city.clock, user=user, notice_id=notice_id, seen=stage)
            return done.stage

    for stage in (Stage.PREPARATION, Stage.BASIS):
        if stage == Stage.BASIS:
            for purpose in ("realised", "vouchers"):
                await office.paper(path, purpose)
        tried = await asyncio.gather(
            *(finish(name, stage) for name in ("clerk_t", "clerk_t2", "head_t")), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in tried) == ["Stage", "WrongStage", "WrongStage"]
    async with city.db.reading() as session:
        done = select(func.count()).select_from(FinanceMark).where(FinanceMark.deed == "advance")
        assert await session.scalar(done) == 2
    with pytest.raises(WrongStage, match="现处于“审核”阶段，不能办理“依据”的事项"):
        await finish("clerk_t", Stage.BASIS)


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_sent_back_it_is_prepared_and_signed_anew(office: Office):
    """The head says why; sign-off, signatures and scan no longer count, the evidence does; nobody signs an own draft."""
    path = await office.begin()
    await office.prepare(path)
    await office.sign(path)
    await office.do(path, "return", 403, reason="数字与账不符，请核对")
    await as_(office.browser, "head_t")
    await office.do(path, "sign-off")
    await office.do(path, "return", 422, reason="改")
    await office.do(path, "return", reason="支出数与账不符，请核对")
    notice = await office.notice()
    assert (notice.stage, notice.signed_at) == (Stage.PREPARATION, None)
    await office.finish(path, Stage.PREPARATION)
    await office.finish(path, Stage.BASIS)
    refusal = await office.finish(path, Stage.REVIEW, 422)
    assert all(text in refusal for text in ("还差党代表 1 人签字", "主要负责人没有审签", "缺签字扫描件"))
    assert "支出数与账不符，请核对" in await (await office.browser.get(path)).text()
    own = await office.begin(title="负责人自己起草的")
    await office.prepare(own)
    assert "不能审签自己起草的" in await office.do(own, "sign-off", 409)


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_only_the_own_unit_works_and_its_supervising_body_watches(office: Office):
    """The county's inspectors read and set how many sign; the city's, the neighbour's people and other roles find nothing."""
    path, browser, town = await office.begin(), office.browser, office.city.units["town"]
    await office.prepare(path)
    again = await browser.post("/finances/new", {"unit": str(town), **DRAFT})
    assert again.status == 409
    await as_(browser, "liaison_county")
    assert (await browser.get(path)).status == 404
    assert (await browser.post("/finances/new", {"unit": str(town), **DRAFT, "title": "冒名"})).status == 403
    await as_(browser, "inspector")
    assert (await browser.get(path)).status == 404
    await as_(browser, "operator")
    assert (await browser.get(path)).status == 403
    await as_(browser, "county_inspector")
    page = await (await browser.get(path)).text()
    assert "还需要：" in page
    assert "完成“审核”" not in page
    await office.finish(path, Stage.REVIEW, 403)
    numbers = dict.fromkeys(Signatory, "1") | {"citizen": "3"}
    assert (
        await browser.post(f"/finances/units/{town}/numbers", dict.fromkeys(Signatory, "0"))
    ).status == 422
    assert (await browser.post(f"/finances/units/{town}/numbers", {**numbers, "party": "x"})).status == 422
    assert (await browser.post(f"/finances/units/{town}/numbers", numbers)).status == 303
    await as_(browser, "clerk_t")
    assert (await browser.post(f"/finances/units/{town}/numbers", numbers)).status == 403
    assert "还差普通群众代表 3 人签字" in await office.finish(path, Stage.REVIEW, 422)
    assert (await browser.get(f"{path}/sheet")).status == 200
    assert (await browser.get(f"{path}/board")).status == 409


async def _rows(city: City) -> tuple[int, ...]:
    """How much there is of each."""
    async with city.db.reading() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (FinanceMark, FinancePaper, FinanceSignature)
        ]
    return tuple(count or 0 for count in counts)
