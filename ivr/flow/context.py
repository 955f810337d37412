"""What is known of one caller from arrival to the end (来电人), and the tools that all branches of the menus share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import Clock
from core.db import Database
from core.lines import Line
from core.units import Region, Unit
from ivr.ledger.journal import Journal
from ivr.menus.dialogue import Dialogue
from ivr.queue.expected_wait import Place
from ivr.settings import CallSettings
from ivr.talks.directory import unit_prompt
from ivr.tracking.live_call import LiveCall
from recordings.models import RecordingKind
from recordings.settings import RecordingSettings
from tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class HotAnswer:
    """A frequent question or a notice with its answer, both worded for the telephone (M-18, M-109)."""

    title: str
    answer: str
    entry_id: int = 0


@dataclass(frozen=True)
class FlowDeps:
    """What every handler may use; made once by the composition root."""

    db: Database
    clock: Clock
    journal: Journal
    calls: CallSettings
    recordings: RecordingSettings
    message_dir: Path
    """Where Asterisk records messages."""
    say: Callable[[str], Awaitable[list[str]]]
    """Ids of prompts that speak any text; made into sound first where it is new."""
    registered: Callable[[], frozenset[str]]
    """The devices with a reachable telephone: `1001`, `w1001`."""
    free_device: Callable[[int, str], str]
    """Telephone of an operator (user) who is ready, and speaks the language, while nobody else waits; empty otherwise."""
    place: Callable[[str, str], Place | None]
    """Where a caller on this line, in this language, would stand in the queue; None when nobody need wait."""
    hot_answers: Callable[[str | None], Awaitable[Sequence[HotAnswer]]]
    """Published hot questions (热点) of one subject, or of all."""
    notices: Callable[[], Awaitable[Sequence[HotAnswer]]]
    """The notices (听证、公示、通报) in force (M-109)."""
    read_out: Callable[[HotAnswer, str], Awaitable[HotAnswer | None]]
    """What an entry says now, noted as read out in this call (linkedid); None when it was withdrawn since it was listed."""
    subject_units: Callable[[int], Awaitable[Mapping[str, str]]]
    """Of a region (id): the code of the unit that answers for each subject."""
    job: Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]
    """Starts work under a name that goes on when the caller has hung up."""


@dataclass
class Message:
    """A voice message recorded and not yet handed in."""

    file: Path
    kind: RecordingKind


@dataclass
class Caller:
    """One caller in one call; outlives its dialogues, of which there is one in the menus and another after the talk."""

    linkedid: str
    call: LiveCall
    line: Line
    """The line that was dialled, as it was when the call came."""
    chose_language: bool = False
    unit: Unit | None = None
    """The unit the caller chose in the menus."""
    unit_id: int | None = None
    """The unit a transfer by an operator went to."""
    failed_unit_id: int | None = None
    """The unit nobody of which answered the last transfer."""
    tried: list[dict[str, Any]] = field(default_factory=list)
    """Whom of that unit Asterisk rang and why nobody answered (`TransferState.tried`), until the ticket says so."""
    liaison_id: int | None = None
    """Who (user) of the unit took the call; None at a service telephone, which is nobody's."""
    subject: str = ""
    """Key of the subject chosen, see `ivr.flow.departments.SUBJECTS`."""
    ticket_no: str = ""
    ticket_id: int | None = None
    complaint_id: int | None = None
    """Ticket of the complaint just made, until the caller has been asked for its cause."""
    query_code: str = ""
    about: Ticket | None = None
    """The ticket that a complaint or a rating by code is about."""
    accused: Unit | None = None
    """Whose published finances a complaint is about (M-116)."""
    message: Message | None = None
    has_recorded: bool = False
    """A message was recorded, long enough or not, while this process led the caller."""
    handing_in: "asyncio.Task[Any] | None" = None
    """The job that makes a ticket of the message."""
    callback_number: str = ""
    """Typed by the caller, where their own number is hidden or another is wanted."""
    asked: set[str] = field(default_factory=set)
    """The survey's questions (`RatingAbout`) that were put,"""
    rated: set[str] = field(default_factory=set)
    """and those of them whose result is stored, "no key" being one."""
    code_failures: int = 0
    """Wrong query codes typed in this call."""
    opening: "asyncio.Task[None] | None" = None
    """The job that opens the ticket of a talk that has begun; the query code comes from it."""
    outcome: str = ""
    """`voicemail`, `complaint` or `call_back` once one is handed in, `self_service` when the menus served to their end."""

    @property
    def region(self) -> Region:
        return self.line.region

    @property
    def number(self) -> str:
        return self.call.caller


Handler = Callable[..., Awaitable[Any]]


@dataclass
class Branch:
    """Base of the branches: the caller, the tools, and the slots (`{name}` in a node's prompts) that handlers fill."""

    deps: FlowDeps
    caller: Caller
    dialogue: Dialogue
    slots: dict[str, Any]
    note: Callable[..., None]
    """Adds a line to the call's ledger: kind, then its data by name."""
    sound: Callable[[str], str]
    """Name of the sound Asterisk plays for a prompt id."""

    async def keep(self, work: Coroutine[Any, Any, Any], name: str, wait_s: float) -> "asyncio.Task[Any]":
        """Do what must be stored; a caller waits for a slow database no longer than `wait_s`, for one that is away not at all."""
        job = self.deps.job(work, name)
        await asyncio.wait({job}, timeout=wait_s if self.deps.db.answers else 0)
        return job

    def use_unit(self, unit: Unit, region: Region | None = None) -> None:
        """From here on the caller means this unit."""
        self.caller.unit = unit
        self.slots["unit"] = [unit_prompt((region or unit.region).code, unit.code)]

    def handlers(self) -> Mapping[str, Handler]:
        """What this branch does, by the names that `dialplan/menus.toml` uses."""
        raise NotImplementedError
