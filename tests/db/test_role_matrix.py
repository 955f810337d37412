"""The role matrix of §5.9, cell by cell over HTTP: every role tries every action, on what is theirs and on what is not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from sqlalchemy import update
from support.callcast import add_recording, settings_in
from support.case_site import CaseSite, Colleague, case_site, colleagues
from support.web import Browser

from agent_desktop.keys import RECORDINGS
from core.db import Database
from recordings import ledger
from recordings.models import Call, CallEnd, CallEvent
from recordings.settings import RecordingSettings
from tickets import sealing, service
from tickets.clocks import extensions
from tickets.models import Channel, RequestKind, Step, Ticket
from tickets.oversight import complaints

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""Pages and rights; the conditions behind them are tried on both engines beside each room."""
COLUMNS = ("PUB", "OP", "LSN", "HEAD", "GOV", "SUP", "MON", "SEC", "ADM")
CAST = ("", "operator", "liaison_a", "head_a", "office", "supervisor", "inspector", "secrecy", "admin")
YES, NO, LOGIN = "yes", "no", "login"
WORDS = {403: NO, 401: LOGIN, 200: YES, 201: YES, 303: YES}


@dataclass
class World:
    site: CaseSite
    settings: RecordingSettings
    made: int = 0

    async def change(self, what: Callable[..., Awaitable[Any]], who: str, **how: Any) -> Any:
        """Somebody does something at once, past the pages."""
        city = self.site.city
        async with city.db.unit_of_work() as session:
            return await what(session, city.clock, user=await city.user(session, who), **how)

    async def live(self) -> str:
        """A question at unit a whose caller is still on the line."""
        number = await self.site.asked()
        async with self.site.city.db.unit_of_work() as session:
            call_id = (await self.site.ticket(number)).call_id
            await session.execute(update(Call).where(Call.id == call_id).values(ended_at=None))
        return number

    async def untouched(self) -> str:
        """A question the operator has not finished yet."""
        city = self.site.city
        async with city.db.unit_of_work() as session:
            call = await city.call(session, ended_at=city.clock.now())
            issued = await service.open_for_call(
                session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
                caller_number="13800005678", operator_id=city.users["operator"],
            )  # fmt: skip
        return issued.ticket.ticket_no

    async def strangers(self, unit: str) -> str:
        """A question at another unit, taken by another operator."""
        number = await self.site.asked(unit)
        city = self.site.city
        region = {"b": "city", "county_a": "county"}[unit]
        values = {"operator_id": city.users["colleague"], "region_id": city.regions[region]}
        async with city.db.unit_of_work() as session:
            await session.execute(update(Ticket).where(Ticket.ticket_no == number).values(**values))
        return number

    async def sealed(self) -> str:
        number = await self.site.asked()
        await self.change(
            sealing.set_sealed, "inspector", ticket_no=number, sealed=True, reason="涉及个人隐私"
        )
        return number

    async def late(self) -> str:
        """Overdue at unit a and not explained in time."""
        number = await self.site.asked()
        ago = self.site.city.clock.now() - timedelta(days=3)
        async with self.site.city.db.unit_of_work() as session:
            ticket_id = (await self.site.ticket(number)).id
            mine = update(Step).where(Step.ticket_id == ticket_id)
            await session.execute(mine.values(cut_off_at=ago, accountable_at=ago + timedelta(days=1)))
        return number

    async def complaint(self, region: str = "city", *, accepted: bool = False) -> str:
        city = self.site.city
        async with city.db.unit_of_work() as session:
            issued = await service.register_complaint(
                session, city.clock, call_id=None, region_id=city.regions[region], line="96128", text="态度恶劣",
                caller_number="13800005678", recording_id=None, about=None, channel=Channel.WEB,
            )  # fmt: skip
        if accepted:
            await self.change(complaints.accept, "inspector", ticket_no=issued.ticket.ticket_no)
        return issued.ticket.ticket_no

    async def wish(self, kind: RequestKind, who: str = "liaison_a") -> str:
        """A ticket of unit a on which somebody asked for something."""
        number = await (self.late() if kind is RequestKind.EXPLAIN else self.site.asked())
        await self.change(extensions.ask_for, who, ticket_no=number, kind=kind, reason="需要现场核实情况")
        return number

    async def recording(self, unit: str = "a", region: str = "city", *, sealed: bool = False) -> str:
        """The talk of a call that an operator passed on to the unit's liaison; its public id."""
        city = self.site.city
        user = {"a": "liaison_a", "county_a": "liaison_county"}[unit]
        who = {"operator": "operator" if unit == "a" else "colleague"}
        async with city.db.unit_of_work() as session:
            start = city.clock.now()
            call = await city.call(
                session, ended_at=start + timedelta(seconds=9), end=CallEnd.LIAISON, operator_id=city.users[who["operator"]],
                liaison_unit_id=city.units[unit], liaison_id=city.users[user],
            )  # fmt: skip
            call.region_id = city.regions[region]
            liaison = {"user": city.users[user], "unit": city.units[unit], "extension": "2001"}
            for second, kind, data in (
                (0, ledger.ARRIVED, {"line": "96128"}),
                (1, ledger.ANSWERED, {"user": call.operator_id, "extension": "1001", "role": "operator"}),
                (1, ledger.BRIDGED, {"bridge": "b1", "extension": "1001"}),
                (2, ledger.UNBRIDGED, {"bridge": "b1"}),
                (
                    2,
                    ledger.TRANSFER_STARTED,
                    {"mode": "attended", "unit": city.units[unit], "extension": "2001"},
                ),
                (3, ledger.TRANSFER_ANSWERED, liaison),
                (4, ledger.BRIDGED, {"bridge": "b2", "extension": "2001"}),
                (8, ledger.UNBRIDGED, {"bridge": "b2"}),
                (9, ledger.ENDED, {"cause": "caller", "node": "BYE"}),
            ):
                channel = (
                    "o"
                    if data.get("extension") == "1001"
                    else "l"
                    if data.get("extension")
                    else call.linkedid
                )
                session.add(
                    CallEvent(
                        call_id=call.id,
                        at=start + timedelta(seconds=second),
                        kind=kind,
                        channel=channel,
                        data=data,
                    )
                )
            await session.flush()
            found = await add_recording(session, self.settings, call, length_s=1, sealed=sealed)
        return found.public_id


Attempt = Callable[[World, Colleague], Awaitable[int]]


def see(path: str) -> Attempt:
    async def attempt(_: World, person: Colleague) -> int:
        return _status(await person.browser.get(path))

    return attempt


def _status(response: Any) -> int:
    """A way to the login is a refusal."""
    to_login = response.status == 303 and response.headers["Location"].startswith("/login")
    return 401 if to_login else int(response.status)


def on(make: Callable[[World], Awaitable[str]], action: str, **fields: str) -> Attempt:
    """A form of the page of a ticket made for the occasion; without an action the page itself."""

    async def attempt(world: World, person: Colleague) -> int:
        number = await make(world)
        if not action:
            return _status(await person.browser.get(f"/tickets/{number}"))
        filled = {name: str(world.site.city.units.get(value, value)) for name, value in fields.items()}
        return _status(await person.browser.post(f"/tickets/{number}/{action}", filled))

    return attempt


async def void(world: World, person: Colleague) -> int:
    number = await world.untouched()
    body = {"version": 1, "outcome": "invalid", "fields": {"reason": "拨错号码"}}
    return await send_json(person.browser, f"/desk/tickets/{number}/finish", body)


async def send_json(browser: Browser, path: str, body: dict[str, Any]) -> int:
    headers = {"X-CSRF-Token": browser.csrf}
    return _status(await browser.client.post(path, json=body, headers=headers, allow_redirects=False))


def number_of(make: Callable[[World], Awaitable[str]]) -> Attempt:
    async def attempt(world: World, person: Colleague) -> int:
        return await send_json(person.browser, f"/tickets/{await make(world)}/number", {"reason": "核实情况"})

    return attempt


def play(**which: Any) -> Attempt:
    async def attempt(world: World, person: Colleague) -> int:
        path = f"/supervise/recordings/{await world.recording(**which)}/play"
        return await send_json(person.browser, path, {})

    return attempt


def window(kind: str) -> Attempt:
    async def attempt(world: World, person: Colleague) -> int:
        world.made += 1
        form = FormData(quote_fields=False, default_to_multipart=True)
        fields = {"csrf": person.browser.csrf, "form": f"f{world.made}", "door": "window", "kind": kind, "text1": "问", "unit1": "101"}  # fmt: skip
        for name, value in fields.items():
            form.add_field(name, value)
        return _status(await person.browser.client.post("/window", data=form, allow_redirects=False))

    return attempt


def asked(unit: str | None = "a") -> Callable[[World], Awaitable[str]]:
    return lambda world: world.site.asked(unit)


def complaint(**how: Any) -> Callable[[World], Awaitable[str]]:
    return lambda world: world.complaint(**how)


def wished(kind: RequestKind, who: str = "liaison_a") -> Callable[[World], Awaitable[str]]:
    return lambda world: world.wish(kind, who)


EXTEND = {"kind": "extend", "reason": "需要现场核实情况"}
ORDER = {"what": "请说明办理情况", "until_on": "2026-06-03"}
UNSEAL = {"sealed": "no", "reason": "审查后可以公开"}
COURT = {"reason": "涉嫌受贿犯罪", "recipient": "市检察院", "papers": "举报信一份"}
# every cell: yes, no (403), login, or the status itself
MATRIX: dict[str, tuple[Attempt, str]] = {
    #                                                       PUB   OP  LSN HEAD GOV SUP MON SEC ADM
    "follow by code: page": (see("/track"),                "yes   yes yes yes yes yes yes yes yes"),
    "answer the queue": (see("/desk"),                     "login yes no  no  no  no  no  no  no"),
    "take a transferred call": (see("/liaison"),           "login no  yes yes yes no  no  no  no"),
    "call back": (on(asked(), "call-back"),                "login yes yes yes no  no  no  no  no"),
    "call back, level's office": (on(asked(None), "call-back"), "login yes 404 404 yes no no  no  no"),
    "register a question": (window("question"),            "login yes yes no  yes yes 422 no  no"),
    "register a complaint": (window("complaint"),          "login yes 422 no  422 422 yes no  no"),
    "void": (void,                                         "login yes no  no  no  no  no  no  no"),
    "reply": (on(asked(), "answer", answer="可以"),        "login no  yes yes no  no  no  no  no"),
    "ask for a forward": (on(asked(), "forward", reason="不属于本局职责"), "login no yes yes no no no no no"),
    "ask for an extension": (on(asked(), "ask", **EXTEND), "login no  yes yes no  no  no  no  no"),
    "ask for it, complaint": (on(complaint(accepted=True), "ask", **EXTEND), "login no 404 404 404 no yes no no"),
    "approve an extension": (on(wished(RequestKind.EXTEND), "decide", kind="extend", decision="approve"), "login no no yes no no no no no"),
    "approve one's own": (on(wished(RequestKind.EXTEND, "head_a"), "decide", kind="extend", decision="approve"), "login no no no yes no no no no"),
    "dispatch": (on(asked(None), "dispatch", unit="a", question_class="general"), "login no no no yes no no no no"),
    "see a ticket": (on(asked(), ""),                      "login yes yes yes yes yes yes 404 no"),
    "see another unit's": (on(lambda w: w.strangers("b"), ""), "login 404 404 404 yes yes yes 404 no"),
    "see a county's": (on(lambda w: w.strangers("county_a"), ""), "login 404 404 404 yes yes 404 404 no"),
    "see a sealed one": (on(World.sealed, ""),             "login 404 404 404 404 404 yes yes no"),
    "see a complaint": (on(complaint(), ""),               "login 404 404 404 404 404 yes 404 no"),
    "see a county's complaint": (on(complaint(region="county"), ""), "login 404 404 404 404 404 404 404 no"),
    "whole number, call live": (number_of(World.live),     "login yes yes yes no  yes no  404 no"),
    "whole number, dispatching": (number_of(asked(None)),  "login no  404 404 yes yes no  404 no"),
    "whole number, complaint": (number_of(complaint()),    "login 404 404 404 404 404 yes 404 no"),
    "hear a transferred call": (play(),                    "login yes yes yes yes yes yes 404 no"),
    "hear a stranger's": (play(unit="county_a", region="county"), "login 404 404 404 404 yes 404 404 no"),
    "hear a sealed one": (play(sealed=True),               "login no  no  no  no  no  yes yes no"),
    "KB: look up, suggest": (see("/kb"),                   "login yes yes yes yes no  no  yes no"),
    "KB: draft": (see("/kb/new"),                          "login no  yes no  yes no  no  no  no"),
    "KB: approve, secrecy check": (see("/kb/checks"),      "login no  no  yes yes no  no  yes no"),
    "KB: publish": (see("/kb/exchange"),                   "login no  no  no  yes no  no  yes no"),
    "reports": (see("/reports"),                           "login yes yes yes yes yes yes no  no"),
    "filed reports": (see("/reports/filed"),               "login no  no  no  yes yes yes no  no"),
    "explain a delay": (on(World.late, "ask", kind="explain", reason="系统故障正在抢修"), "login no yes yes no no no no no"),
    "confirm an explanation": (on(wished(RequestKind.EXPLAIN), "decide", kind="explain", decision="approve"), "login no no yes no no no no no"),
    "hold accountable": (on(World.late, "accountability", outcome="criticism", reason="逾期未办又未说明"), "login no no no no no yes no no"),
    "to the judiciary": (on(complaint(accepted=True), "judiciary", **COURT), "login no no no no no yes no no"),
    "accountability list": (see("/inspect/accountability"), "login no no  no  no  no  yes no  no"),
    "order": (on(asked(), "order", **ORDER),               "login no  no  no  yes no  yes no  no"),
    "orders": (see("/orders"),                             "login no  yes yes yes no  yes no  no"),
    "seal": (on(asked(), "seal", sealed="yes", reason="涉及个人隐私"), "login no no no no no yes 404 no"),
    "lift a seal": (on(World.sealed, "seal", **UNSEAL),    "login no  no  no  no  no  yes yes no"),
    "calendar": (see("/admin/calendar"),                   "login no  no  no  yes yes no  no  yes"),
    "accounts": (see("/admin"),                            "login no  no  yes yes yes no  no  yes"),
    "another unit's account": (see("/admin/people/liaison_b"), "login no no 404 yes 404 no no yes"),
    "an inspector's account": (see("/admin/people/inspector"), "login no no 404 404 404 no no yes"),
    "import, keys": (see("/admin/import"),                 "login no  no  no  no  no  no  no  yes"),
    "audit log: read": (see("/inspect/audit"),             "login no  no  no  no  no  yes no  no"),
    "audit log: verify": (see("/admin/audit"),             "login no  no  no  no  no  no  no  yes"),
}  # fmt: skip


async def test_every_role_may_do_what_its_cell_says(db: Database, tmp_path: Path):
    """§5.9: what a cell allows succeeds, what it does not is refused, and another unit's things do not exist."""
    site = await case_site(db)
    world = World(site, settings_in(tmp_path))
    site.app[RECORDINGS] = world.settings
    said: dict[str, dict[str, str]] = {}
    async with colleagues(site, *CAST) as people:
        for action, (attempt, _) in MATRIX.items():
            found = [await attempt(world, person) for person in people]
            said[action] = {who: _word(status) for who, status in zip(COLUMNS, found, strict=True)}
    expected = {
        action: dict(zip(COLUMNS, (NO if cell == "403" else cell for cell in cells.split()), strict=True))
        for action, (_, cells) in MATRIX.items()
    }
    wrong = {
        action: {who: (word, expected[action][who]) for who, word in row.items() if word != expected[action][who]}
        for action, row in said.items()
        if row != expected[action]
    }  # fmt: skip
    assert wrong == {}


def _word(status: int) -> str:
    return WORDS.get(status, str(status))
