"""A city with something in every list of those who watch (监察、政府办、督办): for looking at their pages."""

from datetime import date, datetime

from support.case_site import CaseSite
from support.tickets import do

from tickets import handover, replies, satisfaction, sealing, service
from tickets.clocks import extensions
from tickets.models import Channel, RequestKind, Ticket
from tickets.oversight import accountability, complaints, gists, orders, tasks
from tickets.oversight.accountability import Decision

LONG = "关于外地户籍人员在本市参加职工基本医疗保险满六年以后申请将医疗保险关系转移接续到户籍地需要携带哪些材料到哪个窗口办理以及多久能够办结的问题"


def at(site: CaseSite, moment: str) -> None:
    site.city.clock.move_to(datetime.fromisoformat(f"2026-{moment}:00+08:00"))


async def fill(site: CaseSite) -> dict[str, str]:
    """Ticket numbers by what they are; the clock stands at 06-10 09:00, when the unexplained is on the list."""
    numbers = {name: await site.asked(question=LONG) for name in ("unexplained", "explained", "sealed", "held", "sent back", "ordered")}  # fmt: skip
    numbers["queued"] = await site.asked(unit=None, question=LONG)
    numbers["complained"] = await site.asked(question="社保卡多久能领", asker_name="张三")
    tickets = {name: await site.ticket(number) for name, number in numbers.items()}
    await _passed_around(site, tickets["sent back"])
    at(site, "06-03T10:00")
    for who, text, until in (
        ("inspector", "三日内说明原因，并报送办理情况", date(2026, 6, 5)),
        ("office", "尽快答复", date(2026, 6, 18)),
    ):
        await do(site.city, orders.issue, tickets["ordered"], who, text=text, until_on=until)
    await do(
        site.city, sealing.set_sealed, tickets["sealed"], "inspector", sealed=True, reason="涉及个人隐私"
    )
    numbers["complaint"] = await _complaint(site, tickets["complained"])
    at(site, "06-09T10:00")
    explain = {"kind": RequestKind.EXPLAIN}
    text = "需上级部门复核数据，6月20日前答复"
    await do(site.city, extensions.ask_for, tickets["explained"], "liaison_a", reason=text, **explain)
    await do(site.city, extensions.decide_on, tickets["explained"], "head_a", approve=True, **explain)
    async with site.city.db.unit_of_work() as session:
        inspector = await site.city.user(session, "inspector")
        await tasks.issue(
            session, site.city.clock, user=inspector, unit_id=site.city.units["a"], text="补报五月便民服务中心月报",
            until_on=date(2026, 6, 9),
        )  # fmt: skip
        await satisfaction.rate(
            session, site.city.clock, ticket_id=tickets["complained"].id, about="unit", score=3, channel="web"
        )
    at(site, "06-10T09:00")
    decision = Decision("criticism", "逾期未办又未说明情况")
    await do(site.city, accountability.hold, tickets["held"], "inspector", decision=decision)
    return numbers


async def _passed_around(site: CaseSite, ticket: Ticket) -> None:
    """Forwarded by the unit, sent back to it by the office."""
    await do(site.city, handover.ask_forward, ticket, "liaison_a", reason="不属于本局职责")
    await do(site.city, handover.decide_forward, ticket, "head_a", approve=True)
    unit = {"unit_id": site.city.units["a"], "designate": True}
    await do(site.city, handover.dispatch, ticket, "office", **unit)


async def _complaint(site: CaseSite, about: Ticket) -> str:
    """One that the inspectors work on, with its gist; the number."""
    await do(site.city, replies.answer, about, "liaison_a", answer="按规定办理")
    async with site.city.db.unit_of_work() as session:
        issued = await service.register_complaint(
            session, site.city.clock, call_id=None, region_id=site.city.regions["city"], line="96128",
            caller_number="13800005678", recording_id=None, about=await session.get(Ticket, about.id),
            text="答复敷衍，" + LONG, channel=Channel.WEB,
        )  # fmt: skip
    await do(site.city, complaints.accept, issued.ticket, "inspector")
    await do(site.city, gists.write, issued.ticket, "inspector", text="答复没有说明依据")
    return issued.ticket.ticket_no
