"""What the desk and the liaison's page read, on both engines."""

from datetime import timedelta

import pytest
from support.tickets import MONDAY, City

from agent_desktop.desk.directory import directory_json
from agent_desktop.desk.drafts import draft_in_hand, earlier_json, form_json, own_ticket
from agent_desktop.liaison.state import open_tickets
from core.clock import beijing
from core.units import Liaison, LiaisonLeave
from tickets import queries, service
from tickets.errors import TicketNotFound
from tickets.models import Outcome


async def opened(city: City, number: str = "13800005678") -> service.Issued:
    async with city.db.unit_of_work() as session:
        call = await city.call(session, number)
        return await service.open_for_call(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
            caller_number=number, operator_id=city.users["operator"],
        )  # fmt: skip


async def test_the_newest_unfinished_ticket_is_in_hand(city: City) -> None:
    """Without a call the newest ticket without an outcome is in hand, and only its own operator's."""
    await opened(city)
    newest = (await opened(city)).ticket
    async with city.db.reading() as session:
        draft = await draft_in_hand(session, city.users["operator"], None)
        assert draft is not None
        assert (draft.ticket_no, draft.version, draft.has_outcome) == (newest.ticket_no, 1, False)
        assert await draft_in_hand(session, city.users["colleague"], None) is None


async def test_a_finished_ticket_is_in_hand_only_while_its_call_lasts(city: City) -> None:
    """Finishing takes it out of the hand; asked for by its call it is shown as done."""
    number = (await opened(city)).ticket.ticket_no
    user_id = city.users["operator"]
    async with city.db.unit_of_work() as session:
        await service.save_draft(
            session, city.clock, ticket_no=number, operator_id=user_id, fields={"answer": "可以"}, version=1
        )
        await service.finish(
            session, city.clock, ticket_no=number, operator_id=user_id, outcome=Outcome.ANSWERED
        )
    async with city.db.reading() as session:
        assert await draft_in_hand(session, user_id, None) is None
        draft = await draft_in_hand(session, user_id, number)
    assert draft is not None
    assert draft.has_outcome


async def test_the_form_is_the_operators_own(city: City) -> None:
    """A colleague's ticket does not exist for an operator's form."""
    number = (await opened(city)).ticket.ticket_no
    async with city.db.reading() as session:
        form = form_json(await own_ticket(session, city.users["operator"], number))
        assert (form["version"], form["fields"]["question"], form["fields"]["unit_id"]) == (1, "", "")
        with pytest.raises(TicketNotFound):
            await own_ticket(session, city.users["colleague"], number)


async def test_earlier_tickets_say_when_and_how_they_stand(city: City) -> None:
    """The pop's list is newest first and short."""
    await opened(city)
    async with city.db.reading() as session:
        found = await queries.earlier_by_number(session, "13800005678", 5)
    lines = earlier_json(found, MONDAY + timedelta(days=3))
    assert [(line["on"], line["days_ago"], line["subject"]) for line in lines] == [
        ("2026-06-01", 3, "（无主题）")
    ]


async def test_the_directory_knows_order_leave_and_offices(city: City) -> None:
    """Units by code with their liaisons; somebody on leave is marked, the call centre is left out."""
    async with city.db.unit_of_work() as session:
        duty = await session.get_one(Liaison, 1)
        duty.leaves.append(LiaisonLeave(from_on=beijing(MONDAY).date()))
    async with city.db.reading() as session:
        units = await directory_json(session, beijing(MONDAY).date())
    by_name = {unit["name"]: unit for unit in units}
    assert [person["on_leave"] for person in by_name["a局"]["liaisons"]] == [True]
    assert by_name["office局"]["office"]
    assert "centre局" not in by_name


async def test_the_inbox_holds_the_units_open_steps(city: City) -> None:
    """Assigned to unit a: its liaison sees it with its due date, unit b's sees nothing."""
    number = (await opened(city)).ticket.ticket_no
    user_id = city.users["operator"]
    async with city.db.unit_of_work() as session:
        fields = {"question": "怎样办理", "unit_id": city.units["a"]}
        await service.save_draft(
            session, city.clock, ticket_no=number, operator_id=user_id, fields=fields, version=1
        )
        await service.finish(
            session, city.clock, ticket_no=number, operator_id=user_id, outcome=Outcome.ASSIGNED
        )
    async with city.db.reading() as session:
        mine = await open_tickets(session, await city.user(session, "liaison_a"), MONDAY)
        others = await open_tickets(session, await city.user(session, "liaison_b"), MONDAY)
    assert [(line["ticket_no"], line["due_on"], line["overdue"]) for line in mine] == [
        (number, "06-08", False)
    ]
    assert others == []
