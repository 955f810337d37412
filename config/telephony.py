"""The telephone side of a process (电话部分): Asterisk, controller and ledger, built and wired to the other rooms."""

import gc
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from config import prompts
from config.common import Common
from config.line_table import LineTable
from config.only_one import OnlyOne
from config.parts import asterisk_state, depot_state, ledger_state
from config.settings import Settings
from config.spoken_answers import SpokenAnswers
from config.telephones import guests, people_with_telephones, staff_of, telephones_of
from core.accounts import AccountChanged
from core.calendar.holidays import CalendarChanged
from core.clock import Clock
from core.lines import LinesChanged
from core.organisation.store import DirectoryChanged
from core.tasks import every
from core.units import subject_unit_codes
from core.web.keys import PartState, Probe
from ivr.apart.boards import Boards
from ivr.asterisk.ami import Ami
from ivr.asterisk.embedded import EmbeddedAsterisk
from ivr.asterisk.site import DIALPLAN, Folders, secret, write_all, write_lines, write_phones
from ivr.board import Shown, WaitingView
from ivr.control import CallControl
from ivr.controller import Controller, ControllerDeps
from ivr.events import CallEnded
from ivr.flow.context import Caller, FlowDeps
from ivr.ledger.journal import Journal
from ivr.ledger.reconcile import Source, last_in_words, nightly, source_in
from ivr.ledger.spool import Spool
from ivr.menus.menu_check import load as load_menus
from ivr.opening import Opening
from ivr.outages.leftovers import Leftovers
from ivr.outages.lost_telephones import LostTelephones
from ivr.outages.nodes import Nodes
from ivr.outages.recall import Recall
from ivr.outages.repair import Repair
from ivr.outages.silent_trunk import SilentTrunk
from ivr.queue.calling_back import CallingBack
from ivr.queue.expected_wait import Place
from ivr.queue.memberships import Memberships
from ivr.queue.queue_news import tell as tell_queue
from ivr.queue.samples import Sampler
from ivr.speech.versions import PromptsChanged
from ivr.speech.voice import Voice
from ivr.tracking.live_call import LiveCall
from kb.workflow import keep_expiring
from recordings.keeping.moving import Mover
from reports.outside.approvals import ring
from reports.signed.filing import draft_due
from tickets import callbacks
from tickets.clocks.recompute import recompute_open_clocks
from tickets.clocks.supervision import sweep
from tickets.clocks.timers import archive

GARBAGE_AFTER = 20_000
"""New objects before Python looks for circular garbage (usually 700): calls leave little, and looking takes CPU from them."""
SUPERVISE_EVERY_S = 5.0
REPORT_EVERY_S = 60.0


class Telephony(Common):
    """Asterisk, the controller and all that follows from calls."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.only_one = OnlyOne(settings.data_dir, self.db, settings.asterisk.system_name)
        self.folders = Folders(settings.data_dir / "asterisk")
        self.asterisk: EmbeddedAsterisk | None = None
        self.voice = Voice(prompts.shipped(settings), settings.prompts)
        self._table = LineTable(self.db, settings.line)
        self.lines = self._table.lines
        asterisk = settings.asterisk
        self.nodes = Nodes(
            self.db, clock, asterisk.system_name, (asterisk.host, asterisk.sip_port), self._calls_alive
        )
        self.mover = Mover(self.db, settings.recordings)
        self.controller: Controller
        self.control: CallControl
        self.boards: Boards | None = None
        """Every node's, where there may be several."""
        self.everywhere: Shown

    async def start_telephony(self) -> None:
        """Prompts, Asterisk, controller, and the loops over calls and tickets; returns when calls are answered."""
        await self.only_one.take()
        await self._table.load()
        await self.voice.prepare(self.db)
        if self.settings.asterisk.mode == "embedded":
            await self._start_asterisk()
        self._build_controller()
        self.controller.seats.staff = staff_of(await people_with_telephones(self.db))
        self._listen()
        await self._calendar_changed()  # the shipped table may be newer than the last time
        self._supervise()
        await self.controller.journal.recover()
        self.controller.start()
        self._begin_loops()

    def _begin_loops(self) -> None:
        leftovers = Leftovers(self.db, self.clock, self.settings.recordings, self.lines)
        repair = Repair(
            self.db, self.clock, self.controller, leftovers, self.lines, self.cel_source().cel_file, self.name
        )  # fmt: skip
        news = partial(
            tell_queue,
            self.db,
            self.clock,
            self.controller.board,
            self.name,
            self._table.queues,
        )
        sampler = Sampler(self.db, self.clock, self.controller.board, lambda: self.controller.in_step)
        for name, run in (
            ("only-one", self.only_one.keep),
            ("service-samples", sampler.run),
            ("memberships", self.memberships.run),
            ("owed-calls", self.calling_back.run),
            ("ledger-repair", repair.run),
            ("reconciliation", partial(nightly, self.db, self.clock, self.cel_source())),
            ("queue-news", news),
            ("kb-expiry", partial(keep_expiring, self.db, self.clock)),
        ):
            self.tasks.loop(name, run)
        if self.boards:
            self.tasks.loop("nodes", self.nodes.run)
            self.tasks.loop("board-mirror", self.boards.watch)
        if self.settings.recordings.depot:
            self.tasks.loop("depot", self.mover.run)

    def calm_memory(self) -> None:
        """The program's own objects are never garbage; looking through them halts every call for 100 ms."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)

    async def end_work(self) -> None:
        if hasattr(self, "controller"):  # a start that failed has none
            await self.controller.stop()
        await super().end_work()
        if self.asterisk:
            await self.asterisk.stop()
        if self.db.is_postgresql:
            await self.nodes.leave()
        await self.only_one.release()

    def _calls_alive(self) -> Collection[str] | None:
        return self.controller.tracker.calls if self.controller.in_step else None

    def cel_source(self) -> Source:
        """Where Asterisk's own records of its calls are."""
        return source_in(self.folders, self.name, self.lines)

    # --- telephony ------------------------------------------------------------------------------------------------

    async def _start_asterisk(self) -> None:
        write_all(
            self.settings.asterisk,
            self.folders,
            lines=self._table.facts(),
            calls=self.settings.calls,
            phones=telephones_of(await people_with_telephones(self.db)),
            guests=guests(self.settings, self.folders),
        )
        self.asterisk = EmbeddedAsterisk(self.settings.asterisk, self.folders)
        await self.asterisk.start()
        self.tasks.loop("asterisk", self.asterisk.watch)

    def _build_controller(self) -> None:
        """The controller and all that works beside it; nothing runs yet."""
        self.controller = Controller(self._controller_deps(), self._ami())
        board, seats = self.controller.board, self.controller.seats
        self.everywhere = board
        if self.db.is_postgresql:
            self.everywhere = self.boards = Boards(self.channel, self.name, self.bus, self.tasks, board)
        self.memberships = Memberships(
            self.controller.ami, board, self.clock, lambda: self._table.split(seats.staff)
        )
        seats.regroup = self.memberships.look
        self.control = CallControl(self.controller, self.db, self.clock, self.settings.telephony)
        self._watch_telephones()
        self.calling_back = CallingBack(
            self.controller, self.control, self.everywhere, self._may_wait, self.db, self.clock, self.bus, self._table.queue_of
        )  # fmt: skip

    def _controller_deps(self) -> ControllerDeps:
        opening = Opening(self.db, self.clock, self.settings.recordings)
        return ControllerDeps(
            clock=self.clock, bus=self.bus, tasks=self.tasks, flow=self._flow_deps(),
            menus=load_menus(DIALPLAN / "menus.toml", self.voice.shipped), sound=self.voice.sound, lines=self.lines,
            recall=Recall(
                self.db, self.clock, self.cel_source().cel_file, lambda: self.controller.board.registered
            ),
            on_answered=partial(self._call_answered, opening), on_liaison=opening.liaison_answered,
            on_transfer_failed=opening.transfer_failed, on_ended=partial(self._call_ended, opening),
        )  # fmt: skip

    def _flow_deps(self) -> FlowDeps:
        settings = self.settings
        answers = SpokenAnswers(self.db, self.clock, self.tasks.job)
        return FlowDeps(
            db=self.db, clock=self.clock, journal=Journal(self.db, self._region_of, Spool(settings.data_dir / "ledger")),
            calls=settings.calls, recordings=settings.recordings,
            message_dir=settings.recordings.spool_dir.absolute() / "message", say=self.voice.say,
            registered=lambda: frozenset(self.controller.board.registered),
            free_device=self._free_device, place=self._place,
            hot_answers=answers.hot, notices=answers.notices, read_out=answers.read_out,
            subject_units=self._subject_units, job=self.tasks.job,
        )  # fmt: skip

    def _ami(self) -> Callable[..., Ami]:
        asterisk = self.settings.asterisk
        return partial(
            Ami, host=asterisk.control_host, port=asterisk.ami_port, user=asterisk.ami_user,
            secret=asterisk.ami_secret or secret(self.folders, "ami"),
        )  # fmt: skip

    def _region_of(self, number: str) -> int | None:
        return self.lines[number].region_id if number in self.lines else None

    def _may_wait(self) -> Sequence[WaitingView]:
        """Who may be in a queue, at whichever node."""
        if self.boards is None:
            return self.controller.board.waiting()
        earliest = self.clock.now() - timedelta(seconds=self.settings.calls.queue_limit_s)
        return self.boards.may_wait(self.nodes.others, earliest)

    def _watch_telephones(self) -> None:
        """What follows when telephones and the trunk are lost, and come back."""
        controller, telephones = self.controller, self.controller.telephones
        ami, board, seats = controller.ami, controller.board, controller.seats
        lost = LostTelephones(ami, board, seats, self.control.page_lost)
        telephones.on_gone = lambda device: self._job(lost.look_after(device), "telephone-gone")
        telephones.on_back = lambda device: self._job(seats.telephone_back(device), "telephone-back")
        telephones.on_trunk = SilentTrunk(ami, board, controller.job).heard

    async def _call_answered(
        self, opening: Opening, controller: Controller, call: LiveCall, extension: str
    ) -> None:
        await opening.answered(controller, call, extension)
        await self.calling_back.answered(controller.caller_of(call))

    async def _call_ended(self, opening: Opening, controller: Controller, caller: Caller) -> None:
        await self.calling_back.ended(caller)
        await opening.ended(controller, caller)

    def _free_device(self, user_id: int, language: str) -> str:
        return self.controller.board.free_device(user_id, language)

    def _place(self, line: str, language: str) -> Place | None:
        queue = self._table.queue_of(line, language)
        return self.controller.expected_wait.place(self.controller.board, queue)

    async def _subject_units(self, region_id: int) -> Mapping[str, str]:
        async with self.db.reading() as session:
            return await subject_unit_codes(session, region_id)

    # --- what follows from changes ----------------------------------------------------------------------------------

    def _listen(self) -> None:
        """News of one room that another must act on."""
        self.bus.subscribe(AccountChanged, lambda _: self._job(self.people_changed(), "people-changed"))
        self.bus.subscribe(
            DirectoryChanged, lambda _: self._job(self.voice.learn_names(self.db), "names-changed")
        )
        self.bus.subscribe(
            PromptsChanged, lambda _: self._job(self.voice.learn_prompts(self.db), "prompts-changed")
        )
        self.bus.subscribe(LinesChanged, lambda _: self._job(self.lines_changed(), "lines-changed"))
        self.bus.subscribe(CallEnded, self._call_over)
        self.bus.subscribe(CalendarChanged, lambda _: self._job(self._calendar_changed(), "calendar-changed"))

    def _job(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.job(work, name)

    def _supervise(self) -> None:
        """The loops that watch the clocks of tickets and of other systems' items, and draft the reports of a period that has ended."""
        for name, work in (("supervision", sweep), ("archive", archive), ("approvals", ring)):
            self.tasks.loop(name, partial(every, SUPERVISE_EVERY_S, partial(work, self.db, self.clock)))
        self.tasks.loop("reports", partial(every, REPORT_EVERY_S, partial(draft_due, self.db, self.clock)))

    def _call_over(self, call: CallEnded) -> None:
        if call.direction == "out":
            self._job(self._called_back(call.linkedid), "called-back")

    async def _called_back(self, linkedid: str) -> None:
        """A call back that has ended is noted on its ticket (M-28)."""
        async with self.db.unit_of_work() as session:
            await callbacks.note_end(session, self.clock, linkedid)

    async def _calendar_changed(self) -> None:
        """Open clocks are reckoned anew with the changed calendar (WD-9)."""
        async with self.db.unit_of_work() as session:
            await recompute_open_clocks(session)

    async def people_changed(self) -> None:
        """Somebody's account or telephone was added or changed: Asterisk and the seats learn of it."""
        people = await people_with_telephones(self.db)
        self.controller.seats.staff = staff_of(people)
        if self.asterisk:
            write_phones(
                self.settings.asterisk,
                self.folders,
                telephones_of(people),
                guests(self.settings, self.folders),
            )
            await self.controller.ami.action("Command", Command="module reload res_pjsip.so")

    async def lines_changed(self) -> None:
        """Lines were added, edited or removed: calls to them are answered by the new table from now on."""
        gone = await self._table.load()
        if self.asterisk:
            write_lines(self.folders, self._table.facts(), self.settings.calls)
            await self.controller.ami.action("QueueReload", Parameters="yes")
        await self.memberships.look()
        variables = {f"LINE_{number}": "" for number in gone} | dict(self._table.facts().variables)
        for name, value in variables.items():
            await self.controller.ami.action("Setvar", Variable=name, Value=value)

    def telephony_probes(self) -> dict[str, Probe]:
        """Of what this side alone can tell; machine and calendar are `common_probes`'."""
        probes: dict[str, Probe] = {
            "asterisk": partial(asterisk_state, self.controller.ami),
            "ledger": partial(ledger_state, self.controller.journal),
            "reconciliation": self._reconciled,
        }
        if self.settings.recordings.depot:
            probes["depot"] = partial(depot_state, self.mover)
        if self.db.is_postgresql:
            probes["nodes"] = self._nodes_told
        return probes

    async def _nodes_told(self) -> PartState:
        """Another node's death is no fault of this one."""
        return PartState(ok=True, text=await self.nodes.told())

    async def _reconciled(self) -> PartState:
        """A difference is told and keeps nobody from working."""
        return PartState(ok=True, text=await last_in_words(self.db))
