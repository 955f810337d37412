"""Every public form against what happens to forms: double clicks, replays, old pages, other people's codes, wrong papers."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from sqlalchemy import select
from support.tickets import City, do
from support.web import Browser

from core.log import mask_number
from tickets import replies
from tickets.intake.models import Attachment, Submission
from tickets.models import SatisfactionRating, State, Ticket, TicketKind

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
PDF = b"%PDF-1.4 a scan"
FORMS: dict[str, dict[str, str]] = {
    "/ask": {"question": "居住证怎样办理？"},
    "/complain": {"question": "互相推诿", "cause": "shirking"},
    "/apply": {"question": "资金分配情况", "name": "王某", "phone": "13800005678", "way": "online"},
}
EACH = pytest.mark.parametrize("path", list(FORMS))


async def _number(browser: Browser, path: str, **posted: str) -> str:
    """The form's number on its page; of the complaint about a reply on the page that the code opens."""
    page = await (await (browser.post(path, posted) if posted else browser.get(path))).text()
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found, page
    return found[1]


async def _send(browser: Browser, path: str, files: dict[str, bytes], **fields: str) -> ClientResponse:
    data = FormData(quote_fields=False, default_to_multipart=True)
    for name, value in (FORMS[path] | fields).items():
        data.add_field(name, value)
    for name, content in files.items():
        data.add_field("papers", content, filename=name)
    return await browser.client.post(path, data=data, allow_redirects=False)


async def _code(response: ClientResponse) -> str:
    found = re.search(r'id="query-code">([\d ]+)<', await response.text())
    assert found, await response.text()
    return found[1].replace(" ", "")


async def _rows(city: City, table: type) -> list[Any]:
    async with city.db.reading() as session:
        return list(await session.scalars(select(table)))


@EACH
async def test_pressed_twice_and_sent_again_later_it_is_one_ticket(
    city: City, browser: Browser, tmp_path: Path, path: str
):
    """Two presses at once, and the browser's “send again” ten minutes later: one ticket, one code, its paper once."""
    form, files = await _number(browser, path), {"材料.pdf": PDF}
    both = await asyncio.gather(*(_send(browser, path, files, form=form) for _ in range(2)))
    city.clock.move_to(city.clock.now() + timedelta(minutes=10))
    again = await _send(browser, path, files, form=form)
    assert len({await _code(one) for one in (*both, again)}) == 1
    assert [len(await _rows(city, table)) for table in (Ticket, Submission, Attachment)] == [1, 1, 1]
    assert len([file for file in (tmp_path / "papers").rglob("*") if file.is_file()]) == 1


@EACH
async def test_an_old_page_keeps_what_was_typed(city: City, browser: Browser, path: str):
    """A day later the form is refused in a sentence, its text stands there, and the number beside it is good."""
    form = await _number(browser, path)
    city.clock.move_to(city.clock.now() + timedelta(hours=25))
    refused = await _send(browser, path, {}, form=form)
    page = await refused.text()
    assert (refused.status, "再提交一次" in page, FORMS[path]["question"] in page) == (422, True, True)
    assert [await _rows(city, table) for table in (Ticket, Submission)] == [[], []]
    anew = re.search(r'name="form" value="([^"]+)"', page)
    assert anew
    assert await _code(await _send(browser, path, {}, form=anew[1]))


WRONG_PAPERS: list[tuple[dict[str, bytes], int, str]] = [
    ({"a.pdf": PDF, "木马.pdf": b"MZ\x90 program"}, 415, "“木马.pdf”的格式不能接收"),
    ({"x.svg": b"<svg onload='alert(1)'/>"}, 415, "请换成 PDF、JPG 或 PNG"),
    ({f"{n}.pdf": PDF for n in range(4)}, 422, "最多"),
]


@EACH
async def test_wrong_papers_store_nothing(city: City, browser: Browser, tmp_path: Path, path: str):
    """A program beside a good file, a drawing with a script, one paper too many: the whole form is refused."""
    for files, status, said in WRONG_PAPERS:
        refused = await _send(browser, path, files, form=await _number(browser, path))
        assert (refused.status, said in await refused.text()) == (status, True), list(files)
    assert [await _rows(city, table) for table in (Ticket, Attachment)] == [[], []]
    assert [file for file in (tmp_path / "papers").rglob("*") if file.is_file()] == []


@EACH
async def test_odd_texts_are_kept_as_text_or_refused(city: City, browser: Browser, path: str):
    """Markup stays text, control and direction marks go, a text too long for its field is told in a sentence."""
    sent = await _send(browser, path, {}, form=await _number(browser, path), question="a\x00b\u202e<b>粗</b>")
    code = await _code(sent)
    (ticket,) = await _rows(city, Ticket)
    assert ticket.question == "ab<b>粗</b>"
    assert "<b>粗</b>" not in await (await browser.post("/track", {"code": code})).text()
    for fields, said in (({"question": "长" * 10_001}, "最多 10000 个字"), ({"name": "王" * 41}, "最多 40 个字"), ({"phone": "1" * 33}, "最多 32 个字"), ({"unit": "90a"}, "没有找到")):  # fmt: skip
        refused = await _send(browser, path, {}, form=await _number(browser, path), **fields)
        assert (refused.status in {404, 422}, said in await refused.text()) == (True, True), fields
    assert len(await _rows(city, Ticket)) == 1


async def _replied(city: City, browser: Browser) -> str:
    """The code of a question that unit a has answered."""
    sent = await _send(browser, "/ask", {}, form=await _number(browser, "/ask"), unit="101")
    code = await _code(sent)
    (ticket,) = await _rows(city, Ticket)
    await do(city, replies.answer, ticket, "liaison_a", answer="请到派出所办理。")
    return code


async def test_complaint_about_a_reply_is_made_once(city: City, browser: Browser):
    """Pressed twice it is one complaint with one code; other words or a further form make no second."""
    code = await _replied(city, browser)
    form = await _number(browser, "/track", code=code)
    fields = {"code": code, "form": form, "text": "答非所问"}
    both = await asyncio.gather(*(browser.post("/track/complain", fields) for _ in range(2)))
    assert len({await _code(one) for one in both}) == 1
    assert (await browser.post("/track/complain", fields | {"text": "另一段话"})).status == 409
    other = await _number(browser, "/ask")
    assert (await browser.post("/track/complain", fields | {"form": other})).status == 409
    assert [one.kind for one in await _rows(city, Ticket)] == [TicketKind.QUESTION, TicketKind.COMPLAINT]


async def test_complaint_from_an_old_page_keeps_its_text(city: City, browser: Browser):
    """A page of the day before, or a form we never made: refused in a sentence beside the text, no complaint."""
    code = await _replied(city, browser)
    form = await _number(browser, "/track", code=code)
    city.clock.move_to(city.clock.now() + timedelta(hours=25))
    for number in (form, "", "1.x.y", "\x00"):
        old = await browser.post("/track/complain", {"code": code, "form": number, "text": "答非所问"})
        page = await old.text()
        assert (old.status, "再提交一次" in page, "答非所问" in page) == (422, True, True), number
    assert len(await _rows(city, Ticket)) == 1


async def test_a_rating_sent_twice_is_one_and_odd_ones_are_none(city: City, browser: Browser):
    """The last of several counts, in one row; no score, 0, 4, words and a list of them are refused beside the page."""
    code = await _replied(city, browser)
    for score in ("", "0", "4", "1.0", "满意", "１", "-1"):
        refused = await browser.post("/track/rate", {"code": code, "score": score})
        assert (refused.status, "请选择满意、基本满意或不满意" in await refused.text()) == (422, True), score
    assert await _rows(city, SatisfactionRating) == []
    for score in ("3", "3", "1"):
        assert (await browser.post("/track/rate", {"code": code, "score": score})).status == 200
    assert [row.score for row in await _rows(city, SatisfactionRating)] == [1]


async def test_other_peoples_codes_open_and_change_nothing(city: City, browser: Browser):
    """A code that is none, of a wrong check digit or shape: the same sentence for each, nothing rated or complained about."""
    code = await _replied(city, browser)
    turned = code[:-1] + str((int(code[-1]) + 1) % 10)
    said = set()
    for wrong in ("572044198035", turned, "1", "", "x" * 500, code + "0", "\x00" * 12):
        for path, fields in (
            ("/track", {}),
            ("/track/rate", {"score": "3"}),
            ("/track/complain", {"text": "不满意", "form": "x"}),
        ):
            refused = await browser.post(path, {"code": wrong} | fields)
            page = await refused.text()
            assert refused.status == 404, (path, wrong)
            said.add(re.search(r'id="code-error">([^<]+)<', page)[1])
    assert len(said) == 1
    (ticket,) = await _rows(city, Ticket)
    assert (ticket.state, await _rows(city, SatisfactionRating)) == (State.REPLIED, [])


async def test_a_code_shows_no_name_and_no_number(city: City, browser: Browser):
    """§5.5: whoever holds the code reads state and reply; neither name, number nor question stands on the page."""
    fields = {"form": await _number(browser, "/ask"), "unit": "101", "name": "王小明", "phone": "13800005678"}
    code = await _code(await _send(browser, "/ask", {}, **fields))
    page = await (await browser.post("/track", {"code": code})).text()
    told = [
        text
        for text in ("王小明", "13800005678", mask_number("13800005678"), FORMS["/ask"]["question"])
        if text in page
    ]
    assert told == []
