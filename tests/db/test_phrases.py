"""The standard phrases (规范用语) as supervisors edit them and desks get them (M-26)."""

import html

import pytest
from sqlalchemy import select
from support.web import Browser, add_person, as_, browsing, web_app

from agent_desktop.desk import phrases
from core.audit import AuditRow
from core.db import Database
from core.people import Role

PAGE = "/supervise/phrases"


async def at_the_desk(browser: Browser, situation: str) -> list[str]:
    found = (await (await browser.get("/desk/phrases")).json())["situations"]
    return next(one["phrases"] for one in found if one["id"] == situation)


async def test_a_supervisors_words_are_the_desks_until_they_are_taken_back(db: Database):
    """One phrase a line; the desk has them with the line's number, the audit log keeps them, the shipped ones come back."""
    await add_person(db, "sup", Role.SUPERVISOR)
    await add_person(db, "op", Role.OPERATOR)
    async with browsing(web_app(db)) as browser:
        await as_(browser, "op")
        shipped = await at_the_desk(browser, "close")
        assert (await browser.get(PAGE)).status == 403
        await as_(browser, "sup")
        form = {"situation": "close", "phrases": "  请慢走。 \n\n{专线}感谢您的来电。"}
        assert (await browser.post(PAGE, form)).status == 303
        assert "恢复原来的用语" in await (await browser.get(PAGE)).text()
        await as_(browser, "op")
        assert await at_the_desk(browser, "close") == ["请慢走。", "96128感谢您的来电。"]
        await as_(browser, "sup")
        assert (await browser.post(PAGE, {"situation": "close", "reset": "1"})).status == 303
        await as_(browser, "op")
        assert await at_the_desk(browser, "close") == shipped
    async with db.reading() as session:
        rows = select(AuditRow).where(AuditRow.action == "phrases.change").order_by(AuditRow.id)
        first, _ = (await session.scalars(rows)).all()
    assert (first.actor, first.target) == ("sup", "phrases:close")
    assert "请慢走。" in first.reason


@pytest.mark.parametrize(
    ("form", "said"),
    [({"situation": "close", "phrases": " \n "}, "请至少写一句"), ({"situation": "close", "phrases": "好" * 201}, "每句不超过 200 个字"),
     ({"situation": "close", "phrases": "好\n" * 13}, "最多 12 句")],
)  # fmt: skip
async def test_words_that_no_desk_could_show_are_refused(db: Database, form: dict[str, str], said: str):
    """Nothing, too long or too many: a sentence beside the form, what was typed kept, nothing stored."""
    await add_person(db, "sup", Role.SUPERVISOR)
    async with browsing(web_app(db)) as browser:
        await as_(browser, "sup")
        answer = await browser.post(PAGE, form)
        text = html.unescape(await answer.text())
    assert (answer.status, said in text) == (422, True)
    async with db.reading() as session:
        assert tuple(await phrases.current(session)) == phrases.load()


async def test_a_situation_there_is_not_is_refused(db: Database):
    """A made-up situation stores nothing."""
    await add_person(db, "sup", Role.SUPERVISOR)
    async with browsing(web_app(db)) as browser:
        await as_(browser, "sup")
        assert (await browser.post(PAGE, {"situation": "x", "phrases": "好"})).status == 422
