"""An operator's own list, the call centre's box of messages, and lost query codes."""

import re

import pytest
from support.case_site import CaseSite, case_site, colleagues

from core.db import Database
from recordings.models import Recording, RecordingKind
from tickets import queries, service
from tickets.models import State
from tickets.query_codes.codes import QueryCodeUnknown


@pytest.fixture
async def site(db: Database) -> CaseSite:
    return await case_site(db)


async def message(site: CaseSite, unit: str | None = None) -> service.Issued:
    """A message left at night, perhaps in a unit's box."""
    city = site.city
    async with city.db.unit_of_work() as session:
        call = await city.call(session, ended_at=city.clock.now())
        recording = Recording(
            call_id=call.id, kind=RecordingKind.VOICEMAIL, path=f"m{call.id}.wav", source=f"m{call.id}",
            started_at=city.clock.now(), duration_ms=9000,
        )  # fmt: skip
        session.add(recording)
        await session.flush()
        return await service.register_voicemail(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128",
            caller_number="13800005678", callback_number="08722123456", recording_id=recording.id,
            unit_id=city.units.get(unit or ""),
        )  # fmt: skip


async def test_messages_are_worked_to_tickets(site: CaseSite):
    """§5.7: in the box for every operator, heard there, registered to a unit; one operator is quicker, the other is told."""
    issued = await message(site, unit="a")
    number = issued.ticket.ticket_no
    async with colleagues(site, "operator", "colleague", "liaison_a") as (operator, colleague, liaison):
        assert number in await operator.open("/desk/tickets?view=box")
        assert number not in await operator.open("/desk/tickets")
        page = await operator.open(f"/tickets/{number}")
        assert "data-player" in page
        assert "登记 1 个工作日" in page
        assert "0872-*****56" in page
        await colleague.open(f"/tickets/{number}")
        await liaison.open(f"/tickets/{number}", status=404)
        fields = {"version": "1", "question": "社保卡多久能领", "unit_id": str(site.city.units["a"])}
        assert (await operator.send(number, "register", outcome="", **fields)).status == 422
        assert (await site.ticket(number)).question == ""
        assert (await operator.send(number, "register", outcome="assigned", **fields)).status == 303
        assert (await colleague.send(number, "register", outcome="invalid", **fields)).status == 404
        assert (await site.ticket(number)).state == State.WORKING
        assert number not in await colleague.open("/desk/tickets?view=box")
        assert number in await operator.open("/desk/tickets?view=")
        page = await liaison.open(f"/tickets/{number}")
        assert "data-player" in page  # the message is the question: the holder hears it


async def test_blank_messages_are_closed_with_a_reason(site: CaseSite):
    """A blank message needs a reason to be void, a duplicate the other ticket's number."""
    first, second = await message(site), await message(site)
    number = first.ticket.ticket_no
    async with colleagues(site, "operator") as (operator,):
        await operator.open(f"/tickets/{number}")
        refused = await operator.send(number, "register", version="1", outcome="invalid")
        assert (refused.status, "请填写理由" in await refused.text()) == (422, True)
        other = second.ticket.ticket_no
        await operator.open(f"/tickets/{other}")
        done = {"version": "1", "outcome": "duplicate", "duplicate_of": number, "reason": "同一人同一事"}
        assert (await operator.send(other, "register", **done)).status == 303
    assert (await site.ticket(number)).state == State.NEW
    assert (await site.ticket(other)).state == State.VOID


async def test_a_lost_code_is_issued_anew_after_the_number_was_checked(site: CaseSite):
    """§5.5: only the very number finds the ticket; the old code dies; the same form sent twice issues once."""
    issued = await message(site)
    async with colleagues(site, "operator") as (operator,):
        await operator.open("/desk/codes")
        wrong = await operator.browser.post("/desk/codes", {"number": "13800005670"})
        assert "没有这个号码的工单" in await wrong.text()
        assert (await operator.browser.post("/desk/codes", {"number": "1380"})).status == 422
        found = await (await operator.browser.post("/desk/codes", {"number": "0872-2123456"})).text()
        assert issued.ticket.ticket_no in found
        seen = re.findall(r'name="seen" value="(\d+)"', found)
        form = {"number": "0872-2123456", "ticket_no": issued.ticket.ticket_no, "seen": seen[0]}
        assert (
            await operator.browser.post("/desk/codes/issue", form | {"number": "13800005670"})
        ).status == 404
        page = await (await operator.browser.post("/desk/codes/issue", form)).text()
        code = "".join(re.findall(r'data-testid="new-code">([\d ]+)<', page)).replace(" ", "")
        assert (await operator.browser.post("/desk/codes/issue", form)).status == 409
    async with site.city.db.reading() as session:
        assert (await queries.status_by_code(session, site.city.clock, code)).ticket.id == issued.ticket.id
        with pytest.raises(QueryCodeUnknown):
            await queries.status_by_code(session, site.city.clock, issued.query_code)
