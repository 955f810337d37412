"""The supervision pages and the calls' API over HTTP: who gets what, how audio is sent, what is written down."""

import asyncio
import csv
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import openpyxl
import pytest
from sqlalchemy import select, update
from support.supervise_site import PASSWORD, SuperviseSite, running_supervision

from config.parts import disk_state
from core.audit import AuditRow
from ivr.models import OwedCall, OwedKind, OwedState
from recordings.audio import wav_header
from recordings.keeping import archive
from recordings.models import Call, CallEnd, Purge, Recording, RecordingKind


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SuperviseSite]:
    async with running_supervision(tmp_path, calls=60) as site:
        yield site


@pytest.fixture
async def http(site: SuperviseSite) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(site.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


class Visitor:
    """A signed-in person without a browser."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.csrf = ""

    async def sign_in(self, name: str, page: str = "/supervise") -> None:
        form = {"username": name, "password": PASSWORD}
        async with self.http.post("/login", data=form, allow_redirects=False) as response:
            assert response.status == 303
        await self.page(page)

    async def page(self, path: str) -> tuple[int, str]:
        async with self.http.get(path) as response:
            text = await response.text()
            if found := re.search(r'name="csrf" content="([^"]+)"', text):
                self.csrf = found[1]
            return response.status, text

    async def post(self, path: str, body: object = None) -> tuple[int, dict]:
        headers = {"X-CSRF-Token": self.csrf, "Accept": "application/json"}
        async with self.http.post(path, json=body or {}, headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture
def visitor(http: aiohttp.ClientSession) -> Visitor:
    return Visitor(http)


async def recording_of(site: SuperviseSite, end: CallEnd) -> tuple[str, Recording]:
    one = site.spoken(end)
    async with site.db.reading() as session:
        return one.linkedid, await session.get_one(Recording, one.recording_id)


async def plays(site: SuperviseSite, action: str = "recording.play") -> list[tuple[str, str]]:
    async with site.db.reading() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.id))
        return [(row.actor, row.target.removeprefix("recording:")) for row in rows]


async def test_one_press_of_play_is_one_row_and_sound_needs_it(site: SuperviseSite, visitor: Visitor):
    """Without a play no byte comes; with it every range does, and all of them are one row of the audit log."""
    _, recording = await recording_of(site, CallEnd.LIAISON)
    await visitor.sign_in("sup")
    bare = f"/supervise/recordings/{recording.public_id}/audio"
    assert (await visitor.page(bare))[0] == 403
    assert await plays(site) == []
    status, answer = await visitor.post(f"/supervise/recordings/{recording.public_id}/play")
    assert status == 200
    samples = archive.samples(recording, site.settings).tobytes()
    whole = wav_header(recording.channels, len(samples)) + samples
    async with visitor.http.get(answer["src"]) as response:
        assert (response.status, await response.read()) == (200, whole)
    for asked, (start, until) in {
        "bytes=0-99": (0, 100),
        "bytes=40-60": (40, 61),
        "bytes=1000-": (1000, len(whole)),
        "bytes=-7": (len(whole) - 7, len(whole)),
    }.items():
        async with visitor.http.get(answer["src"], headers={"Range": asked}) as response:
            assert (response.status, await response.read()) == (206, whole[start:until])
            assert response.headers["Content-Range"] == f"bytes {start}-{until - 1}/{len(whole)}"
    for asked in (f"bytes={len(whole)}-", "bytes=9-3", "pages=1-2"):
        async with visitor.http.get(answer["src"], headers={"Range": asked}) as response:
            assert response.status == 416
    assert await plays(site) == [("sup", recording.public_id)]


async def test_a_key_to_sound_opens_one_recording_for_one_person(site: SuperviseSite, visitor: Visitor):
    """Another recording, another person or a made-up key get nothing."""
    _, first = await recording_of(site, CallEnd.LIAISON)
    _, second = await recording_of(site, CallEnd.OPERATOR)
    await visitor.sign_in("sup")
    _, answer = await visitor.post(f"/supervise/recordings/{first.public_id}/play")
    key = answer["src"].partition("=")[2]
    assert (await visitor.page(f"/supervise/recordings/{second.public_id}/audio?play={key}"))[0] == 403
    assert (await visitor.page(f"/supervise/recordings/{first.public_id}/audio?play=invented"))[0] == 403
    visitor.http.cookie_jar.clear()
    await visitor.sign_in("mon")
    assert (await visitor.page(answer["src"]))[0] == 403


@pytest.mark.parametrize(
    ("name", "list_status", "call_status", "play_status"),
    [("sup", 200, 200, 200), ("mon", 200, 200, 200), ("countysup", 200, 404, 404), ("adm", 403, 403, 403)],
)
async def test_pages_open_by_role(
    site: SuperviseSite, visitor: Visitor, name: str, list_status: int, call_status: int, play_status: int
):
    """The county's supervisor finds no call of the city; the administrator has no business here."""
    linkedid, recording = await recording_of(site, CallEnd.OPERATOR)
    await visitor.sign_in(name)
    assert (await visitor.page("/supervise"))[0] == list_status
    assert (await visitor.page(f"/supervise/calls/{linkedid}"))[0] == call_status
    status, _ = await visitor.post(f"/supervise/recordings/{recording.public_id}/play")
    assert status == play_status
    assert len(await plays(site)) == (play_status == 200)


async def test_a_liaison_gets_the_own_units_part_only(site: SuperviseSite, visitor: Visitor):
    """The liaison's page plays the part with the own unit; another unit's liaison has no such call."""
    linkedid, recording = await recording_of(site, CallEnd.LIAISON)
    async with site.db.reading() as session:
        unit_user = await session.scalar(select(Call.liaison_id).where(Call.linkedid == linkedid))
    names = {key: name for name, key in site.people.items()}
    owner = names[unit_user]
    await visitor.sign_in(owner)
    status, text = await visitor.page(f"/supervise/calls/{linkedid}")
    assert status == 200
    assert "仅本部门通话部分" in text
    (data,) = json.loads(re.search(r'id="players">(.*?)</script>', text)[1])
    assert 0 < data["duration_ms"] < recording.duration_ms
    _, answer = await visitor.post(f"/supervise/recordings/{recording.public_id}/play")
    async with visitor.http.get(answer["src"]) as response:
        assert len(await response.read()) == 44 + data["duration_ms"] * 8 * 4
    visitor.http.cookie_jar.clear()
    await visitor.sign_in("zhou" if owner == "li" else "li")
    assert (await visitor.page(f"/supervise/calls/{linkedid}"))[0] == 404


async def test_complaints_stay_with_the_inspector(site: SuperviseSite, visitor: Visitor):
    """Neither number nor voice of a complainant reaches the supervisor (M-88)."""
    async with site.db.unit_of_work() as session:
        recording = await session.scalar(select(Recording).where(Recording.kind != RecordingKind.TALK))
        recording.kind = RecordingKind.COMPLAINT
        call = await session.get_one(Call, recording.call_id)
        call.end, call.caller_number = CallEnd.COMPLAINT, "13800004321"
    await visitor.sign_in("sup")
    _, text = await visitor.page(f"/supervise/calls/{call.linkedid}")
    assert "不予显示" in text
    assert "4321" not in text
    assert (await visitor.post(f"/supervise/recordings/{recording.public_id}/play"))[0] == 403
    assert (await visitor.page(f"/supervise/recordings/{recording.public_id}/peaks"))[0] == 403
    visitor.http.cookie_jar.clear()
    await visitor.sign_in("mon")
    _, text = await visitor.page(f"/supervise/calls/{call.linkedid}")
    assert "138****4321" in text
    assert (await visitor.post(f"/supervise/recordings/{recording.public_id}/play"))[0] == 200


async def test_export_masks_numbers_defuses_formulas_and_is_written_down(
    site: SuperviseSite, visitor: Visitor
):
    """The files hold every call of the filter, no full number, no formula; the audit log holds each export."""
    async with site.db.unit_of_work() as session:
        call = await session.scalar(select(Call).order_by(Call.id.desc()).limit(1))
        call.line, call.caller_number = "=cmd()", "13800009876"
    await visitor.sign_in("sup")
    status, text = await visitor.page("/supervise/export.csv")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert status == 200
    assert len(rows) == 1 + len(site.made)
    assert "13800009876" not in text
    assert "138****9876" in text
    assert "'=cmd()" in text
    async with visitor.http.get(f"{site.url}/supervise/export.xlsx") as response:
        sheet = openpyxl.load_workbook(io.BytesIO(await response.read()))["通话记录"]
    assert [[cell.value or "" for cell in row] for row in sheet.iter_rows()] == [
        [text.removeprefix("'") for text in row] for row in rows
    ]
    assert await plays(site, "list.export") == [("sup", f"calls:{len(site.made)}")] * 2


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-06-02&to=2026-06-01",
        "operator=x",
        "number=a'--",
        "end=%3Cscript%3E",
        "score=9",
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused_in_chinese(
    site: SuperviseSite, visitor: Visitor, query: str
):
    """Bad filters give a sentence (422), never an error page without one."""
    await visitor.sign_in("sup")
    status, text = await visitor.page(f"/supervise?{query}")
    assert status == 422
    assert re.search(r"请(填写|从列表中选择)|不能早于", text)


async def test_page_numbers_out_of_range_are_harmless(site: SuperviseSite, visitor: Visitor):
    """A page past the end is empty, nonsense is page one."""
    await visitor.sign_in("sup")
    assert "没有符合条件的通话" in (await visitor.page("/supervise?page=99999"))[1]
    assert "第 1 / 2 页" in (await visitor.page("/supervise?page=-1;x"))[1]


async def test_a_note_is_kept_at_its_moment(site: SuperviseSite, visitor: Visitor):
    """The supervisor's note comes back with author and place; an empty one is refused."""
    linkedid, recording = await recording_of(site, CallEnd.OPERATOR)
    await visitor.sign_in("sup")
    path = f"/supervise/recordings/{recording.public_id}/notes"
    status, answer = await visitor.post(path, {"offset_ms": 1500, "text": "态度<b>好</b>"})
    assert (status, answer["notes"]) == (
        201,
        [{"offset_ms": 1500, "text": "态度<b>好</b>", "author": "陈主管"}],
    )
    for bad in ({"offset_ms": 1, "text": " "}, {"offset_ms": "x", "text": "好"}, {"text": "好"}):
        assert (await visitor.post(path, bad))[0] == 422
    _, text = await visitor.page(f"/supervise/calls/{linkedid}")
    assert "<b>好</b>" not in text


async def test_download_needs_a_reason(site: SuperviseSite, visitor: Visitor):
    """No reason, no file; with one the file comes as an attachment and the reason is in the audit log."""
    _, recording = await recording_of(site, CallEnd.OPERATOR)
    await visitor.sign_in("sup")
    path = f"/supervise/recordings/{recording.public_id}/download"
    for reason, expected in (("", 422), ("好", 422), ("质检抽查需要", 200)):
        form = {"csrf": visitor.csrf, "reason": reason}
        async with visitor.http.post(path, data=form) as response:
            assert response.status == expected
            if expected == 200:
                assert response.headers["Content-Disposition"].startswith("attachment")
                assert (await response.read())[:4] == b"RIFF"
    assert await plays(site, "recording.download") == [("sup", recording.public_id)]


async def test_scores_count_no_key_as_no_rating(site: SuperviseSite, visitor: Visitor):
    """The share is of those who pressed a key; filtering for 不满意 lists only those."""
    await visitor.sign_in("sup")
    status, text = await visitor.page("/supervise/scores")
    assert status == 200
    rated = sum(one.operator_score is not None for one in site.made)
    good = sum(one.operator_score in {1, 2} for one in site.made)
    assert f"满意与基本满意 {good} ÷ 已评价 {rated}" in text
    _, low = await visitor.page("/supervise/scores?score=3")
    scores = [s for one in site.made for s in (one.operator_score, one.unit_score)]
    assert f"共 <strong>{scores.count(3)}</strong> 条评价" in low


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-{name}"}


async def test_api_tells_a_call_with_ledger_legs_recordings_and_ticket(site: SuperviseSite, http):
    """What a program needs of a call, with masked number and without internal keys."""
    linkedid, recording = await recording_of(site, CallEnd.LIAISON)
    async with http.get("/api/v1/calls", params={"limit": "5"}, headers=bearer("sup")) as response:
        listed = await response.json()
    assert (response.status, listed["total"], len(listed["items"])) == (200, len(site.made), 5)
    async with http.get(f"/api/v1/calls/{linkedid}", headers=bearer("sup")) as response:
        call = await response.json()
    assert (call["call_id"], call["end"], call["line"]) == (linkedid, "liaison", "96128")
    assert [leg["role"] for leg in call["legs"] if leg["answered_at"]] == ["operator", "liaison"]
    assert call["ledger"][0]["kind"] == "arrived"
    assert call["ledger"][-1]["kind"] == "ended"
    assert abs(call["bridged_ms"] - call["talk_ms"]) <= 1
    assert [r["id"] for r in call["recordings"]] == [recording.public_id]
    assert call["ticket"]["ticket_no"]
    assert "1380000" not in json.dumps(call)


async def test_api_filters_by_time(site: SuperviseSite, http):
    """Dates are whole Beijing days, instants exact; nonsense is refused."""
    first, last = site.made[0].started_at, site.made[-1].started_at
    for params, total in (
        ({"from": first.isoformat(), "to": last.isoformat()}, len(site.made) - 1),
        ({"from": last.isoformat()}, 1),
        ({"from": "2020-01-01", "to": "2020-12-31"}, 0),
    ):
        async with http.get("/api/v1/calls", params=params, headers=bearer("sup")) as response:
            found = await response.json()
            assert found.get("total") == total, found
    async with http.get("/api/v1/calls", params={"from": "gestern"}, headers=bearer("sup")) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (422, "invalid_input")


async def test_api_audio_is_one_play_however_many_pieces(site: SuperviseSite, http):
    """Fetching from the start is a play; its later pieces belong to it; a middle piece alone is a play too."""
    _, recording = await recording_of(site, CallEnd.LIAISON)
    path = f"/api/v1/recordings/{recording.public_id}/audio"

    async def fetch(name: str, asked: str = "") -> int:
        headers = bearer(name) | ({"Range": asked} if asked else {})
        async with http.get(path, headers=headers) as response:
            await response.read()
            return response.status

    assert await fetch("sup", "bytes=500-600") == 206
    assert len(await plays(site)) == 1
    assert await fetch("sup", "bytes=601-700") == 206
    assert len(await plays(site)) == 1
    assert await fetch("sup") == 200
    assert await fetch("sup", "bytes=0-9") == 206
    assert len(await plays(site)) == 3
    assert await fetch("adm") == 403
    async with http.get(path) as response:
        assert response.status == 401
    assert len(await plays(site)) == 3


async def test_wallboard_sends_its_state_over_the_socket(site: SuperviseSite, visitor: Visitor):
    """The first message is the whole state; a change of the board sends the next."""
    from datetime import timedelta

    from ivr.board import WaitingView
    from ivr.events import BoardChanged

    await visitor.sign_in("sup", "/wallboard")
    async with visitor.http.ws_connect("/wallboard/ws") as socket:
        first = await socket.receive_json(timeout=5)
        assert (first["waiting"], first["longest_since"]) == (0, None)
        queued_at = site.clock.now() - timedelta(seconds=30)
        site.board.queue.append(WaitingView("x", "96128", None, queued_at))
        site.db.bus.deliver(BoardChanged())
        second = await socket.receive_json(timeout=5)
        assert (second["waiting"], second["longest_since"]) == (1, queued_at.isoformat())
        today = second["today"]
        assert set(today["prompt"]) == {"numerator", "denominator", "percent"}


async def form(visitor: Visitor, path: str, **fields: str) -> int:
    """Send a form of one of the pages; the status that comes back."""
    data = {"csrf": visitor.csrf, **fields}
    async with visitor.http.post(path, data=data, allow_redirects=False) as response:
        return response.status


async def test_recordings_past_their_time_go_when_two_agree(site: SuperviseSite, visitor: Visitor):
    """Asked for by the supervisor, not approved by the same, approved by the inspector; a held one stays."""
    _, kept = await recording_of(site, CallEnd.LIAISON)
    _, gone = await recording_of(site, CallEnd.OPERATOR)
    async with site.db.unit_of_work() as session:
        long_ago = site.clock.now() - timedelta(days=400)
        await session.execute(
            update(Recording).where(Recording.id.in_((kept.id, gone.id))).values(started_at=long_ago)
        )
    await visitor.sign_in("sup", "/supervise/retention")
    assert "2 个" in (await visitor.page("/supervise/retention"))[1]
    hold = f"/supervise/recordings/{kept.public_id}/hold"
    assert await form(visitor, hold, on="1", reason="看看") == 422
    assert await form(visitor, hold, on="1", reason="调查取证需要") == 303
    assert await form(visitor, "/supervise/retention/ask", reason="年度到期清理") == 303
    assert await form(visitor, "/supervise/retention/1/approve") == 403
    visitor.http.cookie_jar.clear()
    await visitor.sign_in("mon", "/supervise/retention/1")
    assert (await visitor.page("/supervise/retention/1/certificate.txt"))[0] == 404
    assert await form(visitor, "/supervise/retention/1/approve") == 303
    page = (await visitor.page("/supervise/retention/1"))[1]
    assert gone.public_id in page
    assert kept.public_id not in page
    file = (await visitor.page("/supervise/retention/1/certificate.txt"))[1]
    assert hashlib.sha256(file.encode()).hexdigest() in page, "the file is what the page's checksum is of"
    async with asyncio.timeout(10):
        while (site.settings.archive_dir / gone.path).exists():
            await asyncio.sleep(0.02)
    assert (site.settings.archive_dir / kept.path).exists()
    assert (await visitor.post(f"/supervise/recordings/{gone.public_id}/play"))[0] == 410
    assert await form(visitor, "/supervise/retention/1/refuse") == 409


async def test_a_full_disk_is_told_where_recordings_are_kept(
    site: SuperviseSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    """M-60: below the threshold the page and the part of /readyz say so, above it only how much is left."""
    folder = site.settings.archive_dir / "not" / "yet"
    await visitor.sign_in("sup", "/supervise/retention")
    _, text = await visitor.page("/supervise/retention")
    assert "剩余" in text and "空间不足" not in text
    assert (await disk_state(site.settings.least_free_mb, folder)).ok
    monkeypatch.setattr(
        "recordings.keeping.space.shutil.disk_usage", lambda _: SimpleNamespace(free=900 * 2**20)
    )
    state = await disk_state(site.settings.least_free_mb, folder)
    assert (state.ok, state.text) == (False, "剩余 0.9 GB，空间不足，请立即清理磁盘或更换录音目录")
    assert "录音目录剩余 0.9 GB，空间不足" in (await visitor.page("/supervise/retention"))[1]


async def test_another_regions_purges_do_not_exist(site: SuperviseSite, visitor: Visitor):
    """The county's supervisor finds nothing of the city."""
    async with site.db.unit_of_work() as session:
        session.add(
            Purge(region_id=1, asked_by_id=site.people["sup"], asked_at=site.clock.now(), reason="x", count=1, size=1)
        )  # fmt: skip
    await visitor.sign_in("countysup", "/supervise/retention")
    assert (await visitor.page("/supervise/retention/1"))[0] == 404


async def test_owed_calls_with_owner_time_and_result(site: SuperviseSite, visitor: Visitor):
    """The supervisor reads who has each call-back, by when and with what result; numbers masked, other regions' absent."""
    now = site.clock.now()
    async with site.db.unit_of_work() as session:
        calls = (await session.scalars(select(Call).order_by(Call.id.desc()).limit(3))).all()
        common = {"region_id": calls[0].region_id, "line": "96128", "kind": OwedKind.MISSED, "asked_at": now}
        session.add_all([
            OwedCall(call_id=calls[0].id, number="13800001111", due_at=now + timedelta(hours=1), **common),
            OwedCall(call_id=calls[1].id, number="13800002222", due_at=now - timedelta(hours=1), **common),
            OwedCall(call_id=calls[2].id, number="13800003333", due_at=now + timedelta(hours=1), state=OwedState.DROPPED,
                     owner_id=site.people["wang"], finished_at=now, remark="空号", **common),
        ])  # fmt: skip
    await visitor.sign_in("sup")
    status, text = await visitor.page("/supervise/owed")
    assert status == 200
    assert ("138****1111" in text, "138****2222" in text, "138****3333" in text) == (True, True, False)
    assert "13800001111" not in text
    assert "待回拨，逾期" in text
    _, text = await visitor.page("/supervise/owed?view=overdue")
    assert ("138****1111" in text, "138****2222" in text) == (False, True)
    _, text = await visitor.page("/supervise/owed?view=done&number=3333")
    assert "王芳" in text
    assert "人工办结" in text
    assert "空号" in text
    visitor.http.cookie_jar.clear()
    await visitor.sign_in("countysup")
    assert "这里没有要回拨的来电" in (await visitor.page("/supervise/owed?view="))[1]
