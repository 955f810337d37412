"""A township's finances from the draft to the archive in a real browser, by its clerk, its head and the inspectors (M-112…M-118)."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from support.axe import too_wide, troubles
from support.case_site import CaseSite, enter, running_cases
from support.finances import DRAFT, PDF, PNG, add_township, newest

from tickets.finances.stages import SIGNATORIES


@pytest.fixture
async def cases(tmp_path: Path) -> AsyncIterator[CaseSite]:
    async with running_cases(tmp_path, papers=tmp_path / "papers") as site:
        await add_township(site.city)
        yield site


class Walk:
    """One page, looked at wherever it comes: accessible, and no wider than a telephone where the public uses it."""

    def __init__(self, page: Page, cases: CaseSite) -> None:
        self.page, self.cases, self.troubles = page, cases, list[str]()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    async def look(self, *, narrow: bool = False) -> None:
        self.troubles += await troubles(self.page)
        if narrow:
            await self.page.set_viewport_size({"width": 390, "height": 900})
            self.troubles += await too_wide(self.page)
            await self.page.set_viewport_size({"width": 1440, "height": 900})

    async def press(self, name: str, said: str) -> None:
        await self.page.get_by_role("button", name=name).click()
        await expect(self.page.locator(".toast").last).to_contain_text(said)

    async def attach(self, kind: str, name: str, data: bytes = PDF) -> None:
        await self.page.get_by_label("材料种类").select_option(label=kind)
        media = "image/png" if data == PNG else "application/pdf"
        await self.page.get_by_label("文件").set_input_files(
            {"name": name, "mimeType": media, "buffer": data}
        )
        await self.press("附上材料", "材料已附上")

    async def as_(self, name: str, path: str) -> None:
        await self.page.context.clear_cookies()
        await enter(self.page, self.cases, name, path)


async def test_a_township_publishes_its_finances(page: Page, cases: CaseSite, tmp_path: Path) -> None:
    """Five stages, each refusal on the page; the board print, the web, the package; then receipts, a promise, its check."""
    walk = Walk(page, cases)
    await walk.as_("clerk_t", "/finances")
    await page.get_by_role("link", name="起草新一期").click()
    await page.get_by_label("标题").fill(DRAFT["title"])
    await page.get_by_label("公开期间从").fill(DRAFT["first_on"])
    await page.get_by_label("到", exact=False).and_(page.locator("#last_on")).fill(DRAFT["last_on"])
    await page.get_by_label("财务支出").check()
    await walk.look(narrow=True)
    await walk.press("保存", "已起草")
    await page.get_by_role("button", name="完成“准备”").click()
    await expect(page.get_by_role("alert")).to_contain_text("缺公开内容；缺集体讨论决定；缺集体讨论的日期")
    await page.get_by_role("textbox", name="公开内容").fill(DRAFT["content"])
    await page.get_by_role("textbox", name="集体讨论决定").fill(DRAFT["decision"])
    await page.get_by_label("集体讨论的日期").fill(DRAFT["decided_on"])
    await walk.look(narrow=True)
    await walk.press("完成“准备”", "内容已保存")
    await expect(page.get_by_test_id("lacking")).to_contain_text("“财务支出”缺依据（票、据、表）")
    await walk.attach("票、据、表", "凭证.pdf")
    await walk.press("完成“依据”", "本阶段已完成")
    for name in SIGNATORIES.values():
        await page.get_by_label("代表类别").and_(page.locator("select")).select_option(label=name)
        await page.get_by_label("签字人姓名").fill(f"代表{name}")
        await walk.press("登记签字", "签字已登记")
    await walk.attach("签字扫描件", "签字.pdf")
    await walk.look(narrow=True)
    address = page.url
    path = address.removeprefix(cases.url)
    await page.goto(f"{address}/sheet")
    await walk.look()

    await walk.as_("head_t", "/notices")
    await page.get_by_role("link", name=f"财务公开：{DRAFT['title']}").click()
    await walk.press("审签同意公开", "已审签")
    await walk.press("完成“审核”", "本阶段已完成")
    for channel in ("网络", "政务栏"):
        await page.get_by_label("公开方式").select_option(label=channel)
        await page.get_by_label("地点或说明").fill("镇政府大门口")
        await walk.press("登记公开", "公开方式已登记")
    await walk.attach("政务栏照片", "公开栏.png", PNG)
    await walk.look(narrow=True)
    await page.goto(f"{address}/board?size=a3")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("示范县清水镇政务党务公开专栏")
    await walk.look()
    await page.goto(address)
    await walk.press("完成“公开”", "本阶段已完成")
    await page.get_by_label("档号").fill("QS-2026-01")
    await walk.press("建档", "本阶段已完成")
    await walk.look(narrow=True)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="下载档案包").click()
    package = zipfile.ZipFile(io.BytesIO(Path(await (await download.value).path()).read_bytes()))
    package.extract("档案.html", tmp_path)
    await page.goto((tmp_path / "档案.html").as_uri())
    await expect(page.locator("body")).to_contain_text("代表政协委员")

    await walk.as_("head_t", f"{path}/feedback")
    for answers in ("是 是 是 否 满意", "是 是 是 是 基本满意"):
        for group, answer in zip(await page.locator("fieldset").all(), answers.split(), strict=True):
            await group.get_by_label(answer, exact=True).check()
        await walk.press("录入", "回执已录入")
    await expect(page.get_by_test_id("tally")).to_contain_text("基本满意 1（50%）")
    await page.get_by_text("作出整改承诺").click()
    for label, text in (
        ("需整改的问题", "公开栏字太小"),
        ("整改承诺", "换大字"),
        ("责任人", "办公室主任"),
        ("整改期限", "2026-06-10"),
    ):
        await page.locator("details").get_by_label(label).fill(text)
    await walk.look(narrow=True)
    await walk.press("作出承诺", "整改承诺已作出")
    await page.get_by_label("整改情况").fill("已换大字")
    await walk.press("报告整改情况", "整改情况已报告")
    await page.goto(f"{address}/receipt-forms?copies=2")
    await walk.look()

    await walk.as_("county_inspector", "/inspect/rectifications?view=check")
    await walk.look()
    await page.get_by_role("link", name="公开栏字太小").click()
    await page.get_by_label("核查意见").fill("现场看过")
    await walk.look()
    await walk.press("核查到位", "核查意见已保存")
    await page.goto(f"{cases.url}/finances/units")
    await page.get_by_role("link", name="清水镇人民政府").click()
    await page.get_by_label("普通群众代表").fill("3")
    await walk.look()
    await walk.press("保存人数", "签字人数已保存")
    await page.goto(f"{cases.url}/finances/letter-box")
    await page.get_by_label("公开单位").select_option(label="清水镇人民政府")
    await page.get_by_label("信中反映的问题").fill("招待费太高")
    await walk.look(narrow=True)
    await page.get_by_role("button", name="登记").click()
    await expect(page.locator(".query-code")).to_be_visible()
    await walk.look()

    await page.context.clear_cookies()
    for place in ("/finance-notices", f"/finance-notices/{(await newest(cases.city)).public_id}"):
        await page.goto(cases.url + place)
        await expect(page.locator("main")).to_contain_text("清水镇人民政府")
        await walk.look(narrow=True)
    assert walk.troubles == []
