"""`/admin/prompts` (提示音, §5.9): who may do what, what is kept, and what the voice makes of it."""

import html
from pathlib import Path

import pytest
from aiohttp import FormData
from sqlalchemy import select
from support.tickets import City
from support.web import Browser, as_

from core.audit import AuditRow
from core.db import Database
from core.lines import Line
from ivr.models import PromptVersion
from ivr.speech.prompt_catalogue import Catalogue, Prompt
from ivr.speech.prompts import PromptSettings
from ivr.speech.versions import in_force
from ivr.speech.voice import Voice

THANKS = "/admin/prompts/thanks"
OWN, OTHER = "0871", "0872"


@pytest.fixture
async def lines(db: Database, city: City) -> None:
    """One line of the city, where the people are, and one of its neighbour."""
    async with db.unit_of_work() as session:
        for number, region in ((OWN, "city"), (OTHER, "neighbour")):
            session.add(Line(number=number, name=f"{region} 的专线", region_id=city.regions[region]))


async def said(browser: Browser, path: str = THANKS) -> str:
    return html.unescape(await (await browser.get(path)).text())


async def saved(browser: Browser, text: str, **more: str) -> tuple[int, str]:
    answer = await browser.post(THANKS, {"text": text, "seen": "0", **more})
    return answer.status, html.unescape(await answer.text())


async def accepted(db: Database) -> dict[tuple[str, str], str]:
    async with db.reading() as session:
        return {key: row.text for key, row in (await in_force(session)).items()}


async def test_a_text_is_in_force_when_saved_and_can_be_taken_back(db: Database, browser: Browser):
    """Saved, heard, overtaken by a second editor, restored, the default again: every version kept, every deed in the audit log."""
    await as_(browser, "admin")
    listed = await said(browser, "/admin/prompts?q=感谢您的来电")
    assert THANKS in listed
    assert "/admin/prompts/beep" not in await said(browser, "/admin/prompts?group=")
    assert (await browser.get("/admin/prompts/beep")).status == 404
    assert (await saved(browser, "多谢您来电。", remark="按新规范"))[0] == 303
    assert (await saved(browser, "谢谢。"))[0] == 409  # its editor saw the text of before
    (first,) = await all_versions(db)
    sound = await browser.get(f"{THANKS}/sound.wav?version={first.id}")
    assert (sound.status, sound.content_type) == (200, "audio/wav")
    assert (await saved(browser, "谢谢您。", seen=str(first.id)))[0] == 303
    assert "谢谢您。" in await said(browser, "/admin/prompts?edited=1")
    second = (await all_versions(db))[-1]
    restore = {"version": str(first.id), "seen": str(second.id)}
    assert (await browser.post(f"{THANKS}/restore", restore)).status == 303
    assert await accepted(db) == {("thanks", ""): "多谢您来电。"}
    third = (await all_versions(db))[-1]
    assert (await browser.post(f"{THANKS}/restore", {"seen": str(third.id)})).status == 303
    assert await accepted(db) == {("thanks", ""): ""}
    page = await said(browser)
    assert all(text in page for text in ("谢谢您。", "按新规范", "感谢您的来电。", f"恢复第 {first.id} 版"))
    async with db.reading() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.target.startswith("prompt:thanks:all:")))
        actions = [row.action for row in rows]
    assert actions == ["prompt.change"] * 3 + ["prompt.default"]


async def test_an_office_proposes_and_a_supervisor_decides(db: Database, browser: Browser, lines: None):
    """What an office writes is heard by nobody until accepted; a supervisor edits the own region's lines, not what all say."""
    await as_(browser, "office")
    assert (await saved(browser, "州里谢谢您。", line=OWN))[0] == 303
    assert (await saved(browser, "都谢谢您。"))[0] == 303
    assert (await saved(browser, "别人谢谢您。", line=OTHER))[0] == 404
    assert await accepted(db) == {}
    own, everywhere = await all_versions(db)
    decide = {"version": str(own.id), "decision": "accept"}
    assert (await browser.post(f"{THANKS}/decide", decide)).status == 403
    await as_(browser, "supervisor")
    assert "州里谢谢您。" in await said(browser, "/admin/prompts")
    assert (await browser.post(f"{THANKS}/decide", decide)).status == 303
    assert (await browser.post(f"{THANKS}/decide", decide)).status == 409
    elsewhere = {"version": str(everywhere.id), "decision": "accept"}
    assert (await browser.post(f"{THANKS}/decide", elsewhere)).status == 404
    assert "提交，由主管启用" in await said(browser)
    assert "立即启用" in await said(browser, f"{THANKS}?line={OWN}")
    assert (await browser.get(f"{THANKS}?line={OTHER}")).status == 404
    await as_(browser, "admin")
    refuse = elsewhere | {"decision": "refuse"}
    assert (await browser.post(f"{THANKS}/decide", refuse)).status == 303
    assert await accepted(db) == {("thanks", OWN): "州里谢谢您。"}


async def test_a_wrong_text_or_recording_comes_back_with_its_fault(
    db: Database, browser: Browser, lines: None
):
    """The sentence says what to change, what was typed is kept, nothing is stored; Asterisk's own prompts are one for all lines."""
    await as_(browser, "admin")
    status, page = await saved(browser, "谢谢{您}。")
    assert (status, "不认识 {您}" in page, "谢谢{您}。" in page) == (422, True, True)
    form = FormData({"csrf": browser.csrf, "text": "谢谢。", "seen": "0"})
    form.add_field("file", b"RIFF", filename="thanks.wav", content_type="audio/wav")
    answer = await browser.client.post(THANKS, data=form, allow_redirects=False)
    assert (answer.status, "不是可读的 PCM WAV 文件" in await answer.text()) == (422, True)
    preview = await browser.client.post(
        f"{THANKS}/preview", data={"csrf": browser.csrf, "text": ""}, headers={"Accept": "application/json"}
    )
    assert (preview.status, (await preview.json())["error"]["code"]) == (422, "invalid_input")
    assert (await browser.get(f"/admin/prompts/num-1?line={OWN}")).status == 422
    assert await all_versions(db) == []


async def test_the_voice_makes_what_was_edited_and_unmakes_it(db: Database, browser: Browser, tmp_path: Path):
    """The file that Asterisk plays is another one after the edit, and the first one again after the default is restored."""
    shipped = Catalogue({"thanks": Prompt("thanks", "感谢您的来电。", "THANKS")})
    (tmp_path / "own").mkdir()
    voice = Voice(shipped, PromptSettings(tmp_path / "zh", tmp_path / "own", tmp_path / "moh"))
    await voice.learn_prompts(db)
    file = tmp_path / "zh" / f"{voice.sound('thanks', OWN)}.wav"
    before = file.read_bytes()
    await as_(browser, "admin")
    await saved(browser, "多谢。")
    await voice.learn_prompts(db)
    edited = file.read_bytes()
    (version,) = await all_versions(db)
    await browser.post(f"{THANKS}/restore", {"seen": str(version.id)})
    await voice.learn_prompts(db)
    assert edited != before
    assert file.read_bytes() == before


async def all_versions(db: Database) -> list[PromptVersion]:
    async with db.reading() as session:
        return list(await session.scalars(select(PromptVersion).order_by(PromptVersion.id)))
