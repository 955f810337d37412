"""The controller in a process of its own, so that its CPU time is read apart: `python -m bench.controller …`.

Wired as `config.bootstrap` wires it, without the web; the ledger goes to an SQLite file in the folder. Says `ready` on
standard output; `seats` on standard input signs in every operator; the end of input ends it.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import core.audit
import core.log
from bench import ROOT
from bench.instance import LINE, REGION, settings
from core.bus import Bus
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.holidays import CalendarSettings
from core.people import User
from core.tasks import Tasks
from core.units import Region, RegionLevel, Unit
from ivr.ami import Ami
from ivr.controller import Controller, ControllerDeps
from ivr.flow.context import FlowDeps, HotAnswer
from ivr.journal import Journal
from ivr.menu_check import load as load_menus
from ivr.opening import Opening
from ivr.prompt_catalogue import load as load_catalogue
from ivr.seats import Staff
from ivr.settings import AsteriskSettings, CallSettings
from ivr.site import DIALPLAN, Folders, secret
from recordings.settings import RecordingSettings
from tickets.settings import TicketSettings

__all__ = ["FIRST_EXTENSION", "database_file", "main"]
FIRST_EXTENSION = 3001
PASSWORD = "bench-telephone"
_ = core.audit  # its tables belong to the database


def database_file(root: Path) -> Path:
    return root / "hotline.db"


@dataclass
class Wired:
    db: Database
    tasks: Tasks
    controller: Controller


async def _database(root: Path, bus: Bus, operators: int) -> tuple[Database, Region, dict[int, Staff]]:
    db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{database_file(root).absolute()}"), bus)
    db.provide(TicketSettings(code_secret=b"a secret of the bench alone"))
    db.provide(CalendarSettings(table=ROOT / "config/calendar/cn.toml"))
    await db.create_all()
    staff = {}
    async with db.unit_of_work() as session:
        region = Region(code=REGION, name="示范州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        duties = (
            ("001", "示范州政府办", "office"),
            ("002", "示范州监察局", "inspection"),
            ("003", "呼叫中心", "call_centre"),
        )
        session.add_all(
            [Unit(region_id=region.id, code=code, name=name, duty=duty) for code, name, duty in duties]
        )
        for number in range(operators):
            extension = str(FIRST_EXTENSION + number)
            user = User(
                username=f"operator{extension}", display_name=f"话务员{extension}", staff_number=extension,
                extension=extension, sip_password=PASSWORD, region_id=region.id,
            )  # fmt: skip
            session.add(user)
            await session.flush()
            staff[user.id] = Staff(user.id, user.username, extension, user.display_name, extension)
    return db, region, staff


async def _wire(root: Path, asterisk: AsteriskSettings, operators: int) -> Wired:
    clock, bus = SystemClock(), Bus()
    tasks = Tasks(clock)
    db, region, staff = await _database(root, bus, operators)
    folders = Folders(root / "asterisk")
    catalogue = load_catalogue(DIALPLAN / "prompts.toml", LINE)
    recordings = RecordingSettings(archive_dir=root / "recordings", spool_dir=folders.spool)
    journal = Journal(db, lambda _line: region.id)
    opening = Opening(db, clock, recordings)
    flow = FlowDeps(
        db=db, clock=clock, journal=journal, calls=CallSettings(), recordings=recordings,
        message_dir=folders.spool.absolute() / "message", say=_no_words,
        registered=lambda: frozenset(controller.board.registered), hot_answers=_no_answers, subject_units=_no_units,
    )  # fmt: skip
    deps = ControllerDeps(
        clock=clock, bus=bus, tasks=tasks, flow=flow, menus=load_menus(DIALPLAN / "menus.toml", catalogue),
        sound=catalogue.sound, regions={LINE: region}, on_answered=opening.answered,
        on_liaison=opening.liaison_answered, on_ended=opening.ended,
    )  # fmt: skip
    ami = partial(
        Ami, host=asterisk.host, port=asterisk.ami_port, user=asterisk.ami_user, secret=secret(folders, "ami")
    )
    controller = Controller(deps, ami)
    controller.seats.staff = staff
    return Wired(db, tasks, controller)


async def _no_words(_text: str) -> list[str]:
    return []


async def _no_answers(_subject: str | None) -> Sequence[HotAnswer]:
    return []


async def _no_units(_region: int) -> Mapping[str, str]:
    return {}


async def _serve(root: Path, base_port: int, operators: int) -> None:
    wired = await _wire(root, settings(base_port, 1), operators)
    controller = wired.controller
    gc.collect()
    gc.freeze()  # as the hotline does
    controller.start()
    while not controller.ami.up:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)  # the first heartbeat reaches the dialplan
    print("ready", flush=True)
    while command := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if command == "seats":
            for user_id in list(controller.seats.staff):
                await controller.seats.sign_in(user_id, desk_phone=True)
                await controller.seats.ready(user_id)
        print("ready", flush=True)
    await controller.stop()
    await wired.tasks.close()
    await wired.db.close()


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
