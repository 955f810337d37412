"""The hotline in a process of its own, so that its CPU time is read apart from Asterisk's and the bench's.

It is the whole hotline as `config.bootstrap` builds it, pages included, with its Asterisk and an SQLite file in the
folder. Says `ready <process id of Asterisk>` on standard output; `seats` on standard input signs in every operator, who from
then on writes the ticket of every talk at once; `reconcile` compares ledger and Asterisk's own books and says how many calls
and differences there were; the end of input ends it.
"""

import argparse
import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import core.log
from bench.instance import LINE, REGION, settings, write_tones
from config.bootstrap import Hotline
from config.settings import load, make_clock
from core.people import Role, RoleGrant, User, hash_password
from core.units import Region, RegionLevel, Unit, UnitDuty
from ivr.asterisk.site import Folders
from ivr.ledger.reconcile import reconcile, source_in
from tickets import service
from tickets.models import Outcome

FIRST_EXTENSION = 3001
PASSWORD = "bench-telephone"
OFFICE_HOURS = "2026-06-01T10:00:00+08:00"
"""Whatever the hour of the bench, operators are at work in it."""
_BEAT_S = 1.5


def extensions(count: int) -> list[str]:
    """The telephones of so many operators."""
    return [str(FIRST_EXTENSION + number) for number in range(count)]


def database_file(root: Path) -> Path:
    return root / "hotline.db"


def environment(root: Path, base_port: int) -> dict[str, str]:
    """The settings that differ from a fresh hotline's."""
    asterisk = settings(base_port, 1)
    values = {
        "data_dir": root.absolute(), "database__url": f"sqlite+aiosqlite:///{database_file(root).absolute()}",
        "http__port": asterisk.http_port + 1, "line__number": LINE, "prompts__overrides_dir": (root / "tones").absolute(),
        "asterisk__sip_port": asterisk.sip_port, "asterisk__ami_port": asterisk.ami_port,
        "asterisk__http_port": asterisk.http_port, "asterisk__rtp_start": asterisk.rtp_start,
        "asterisk__rtp_end": asterisk.rtp_end, "asterisk__system_name": asterisk.system_name,
    }  # fmt: skip
    named = {f"HOTLINE__{key.upper()}": str(value) for key, value in values.items()}
    (root / "hotline.toml").touch()
    return {**named, "HOTLINE_CONFIG": str(root / "hotline.toml"), "HOTLINE_TEST_CLOCK": OFFICE_HOURS}


async def tell(process: asyncio.subprocess.Process, command: str) -> str:
    """From the bench: have the process do it; what it says when it is done."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{command}\n".encode())
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().removeprefix("ready").strip()


async def _found(hotline: Hotline, operators: int) -> None:
    """A prefecture with its three offices and the operators."""
    await hotline.db.create_all()
    async with hotline.db.unit_of_work() as session:
        region = Region(code=REGION, name="示范州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        for code, name, duty in (
            ("001", "示范州政府办", UnitDuty.OFFICE),
            ("002", "示范州监察局", UnitDuty.INSPECTION),
            ("003", "呼叫中心", UnitDuty.CALL_CENTRE),
        ):
            session.add(Unit(region_id=region.id, code=code, name=name, duty=duty))
        hashed = hash_password(PASSWORD)
        for extension in extensions(operators):
            user = User(
                username=f"operator{extension}", display_name=f"话务员{extension}", staff_number=extension,
                extension=extension, sip_password=PASSWORD, region_id=region.id, password_hash=hashed,
            )  # fmt: skip
            user.grants = [RoleGrant(role=Role.OPERATOR)]
            session.add(user)


async def _clerk(hotline: Hotline) -> None:
    """Every operator's wrap-up: the answer, the outcome, ready again."""
    while True:
        for seat in hotline.controller.board.agents():
            if seat.state == "wrapup" and seat.call and seat.call.ticket_no:
                await _write_up(hotline, seat.call.ticket_no, seat.user_id)
                await hotline.control.finish_wrap_up(seat.user_id)
        await asyncio.sleep(0.2)


def _told(clerk: "asyncio.Task[None]") -> None:
    """Without a clerk nobody is ready again: that must be seen in the log."""
    if not clerk.cancelled():
        print(f"clerk ended: {clerk.exception()!r}", file=sys.stderr, flush=True)


async def _write_up(hotline: Hotline, ticket_no: str, operator_id: int) -> None:
    own = {"ticket_no": ticket_no, "operator_id": operator_id}
    typed = {"question": "社保卡怎么补办", "answer": "持身份证到窗口办理。"}
    async with hotline.db.unit_of_work() as session:
        await service.save_draft(session, hotline.clock, fields=typed, version=1, **own)
        await service.finish(session, hotline.clock, outcome=Outcome.ANSWERED, **own)


async def _reconciled(hotline: Hotline) -> str:
    settings = hotline.settings
    source = source_in(Folders(settings.data_dir / "asterisk"), settings.asterisk.system_name, {LINE})
    until = hotline.clock.now()
    row = await reconcile(hotline.db, hotline.clock, source, until - timedelta(hours=3), until)
    return f"{row.calls} {len(row.differences)}"


async def _serve(root: Path, base_port: int, operators: int) -> None:
    write_tones(root / "tones")
    configured = load(environment(root, base_port), mode="test")
    hotline = Hotline(configured, make_clock(configured))
    await _found(hotline, operators)
    await hotline.start()
    try:
        await _obey(hotline)
    finally:
        await hotline.stop()


async def _obey(hotline: Hotline) -> None:
    """A command a line until the bench closes the pipe; each is answered by a line."""
    await asyncio.sleep(_BEAT_S)  # the first heartbeat reaches the dialplan
    assert hotline.asterisk
    assert hotline.asterisk.process
    print(f"ready {hotline.asterisk.process.pid}", flush=True)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command == "seats":
            for user_id in list(hotline.controller.seats.staff):
                await hotline.control.login(user_id, desk_phone=True)
                await hotline.control.ready(user_id)
            clerk = asyncio.create_task(_clerk(hotline))
            clerk.add_done_callback(_told)
        said = await _reconciled(hotline) if command == "reconcile" else ""
        print(f"ready {said}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--base-port", type=int, required=True)
    parser.add_argument("--operators", type=int, default=0)
    args = parser.parse_args()
    core.log.configure("INFO")
    asyncio.run(_serve(args.root, args.base_port, args.operators))


if __name__ == "__main__":
    main()
