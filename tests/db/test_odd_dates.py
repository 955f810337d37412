"""Dates nobody means (1999, 2099, the first and the last there are): a list, or one Chinese sentence, never a fault."""

import pytest
from support.case_site import CaseSite, case_site, colleagues

from core.db import Database

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
ODD = ("0001-01-01", "1999-01-04", "2099-12-31", "9999-12-31", "2026-02-30")
MEANT = {"1999-01-04", "2099-12-31"}
LISTS = {
    "inspector": (
        "/inspect?view=&due_from={day}", "/inspect?view=&due_to={day}", "/inspect/complaints?view=&due_to={day}",
        "/inspect/audit?at_from={day}", "/inspect/audit?at_to={day}", "/inspect/accountability/decided?at_to={day}",
    ),
    "office": ("/office?view=level&due_from={day}", "/office?view=level&due_to={day}"),
    "liaison_a": ("/liaison/tickets?due_from={day}", "/liaison/tickets?due_to={day}"),
    "supervisor": ("/supervise?from={day}", "/supervise?to={day}", "/supervise/scores?to={day}", "/api/v1/calls?to={day}", "/api/v1/workdays/due?received={day}&days=30"),
}  # fmt: skip


@pytest.fixture
async def site(db: Database) -> CaseSite:
    return await case_site(db)


async def test_lists_and_answers_take_odd_days(site: CaseSite):
    """Wherever a day narrows a list or asks for a due date: 1999 and 2099 are days, the ends of time are refused."""
    async with colleagues(site, *LISTS) as people:
        for person, paths in zip(people, LISTS.values(), strict=True):
            for path in paths:
                for day in ODD:
                    response = await person.browser.get(path.format(day=day))
                    text = await response.text()
                    right = day in MEANT and not (day < "2000" and path.startswith("/api"))
                    assert response.status == (200 if right else 422), (path, day, text)
                    assert response.status == 200 or "请" in text, (path, day)


async def test_forms_take_odd_days(site: CaseSite):
    """An order, a calendar day: past, far or impossible days are refused with a sentence, or stored as the day they are."""
    number = await site.asked()
    async with colleagues(site, "office", "admin") as (office, admin):
        await office.open(f"/tickets/{number}")
        for day in ODD:
            refused = await office.send(number, "order", what="说明情况", until_on=day)
            assert (refused.status, "办理期限" in await refused.text()) == (422, True), day
        await admin.open("/admin/calendar")
        for day in ODD:
            form = {"region": "city", "on": day, "status": "off", "name": "三月街", "reason": "州政府通知"}
            sent = await admin.browser.post("/admin/calendar/day", form)
            assert sent.status == (303 if day in MEANT else 422), (day, await sent.text())
