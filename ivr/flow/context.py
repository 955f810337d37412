"""One caller's context from arrival to the end, and what the handlers share."""

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
from ivr.tracking.tracker import LiveCall
from recordings.models import RecordingKind
from recordings.settings import RecordingSettings
from tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class HotAnswer:
    """A frequent question or a notice, and what is said of it, fit to be spoken (M-18, M-109)."""

    title: str
    answer: str
    entry_id: int = 0


@dataclass(frozen=True)
class FlowDeps:
    """What every handler may use; `say` turns any text into the id of a prompt that exists."""

    db: Database
    clock: Clock
    journal: Journal
    calls: CallSettings
    recordings: RecordingSettings
    message_dir: Path
    """Where Asterisk records messages."""
    say: Callable[[str], Awaitable[list[str]]]
    registered: Callable[[], frozenset[str]]
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
    """Which unit (code) answers for each subject in a region."""
    job: Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]
    """Runs on beyond the caller's stay."""


@dataclass
class Message:
    """A voice message recorded and not yet handed in."""

    file: Path
    kind: RecordingKind


@dataclass
class Caller:
    """What is known of one caller; outlives the dialogues of a call (menu, then after the talk)."""

    linkedid: str
    call: LiveCall
    line: Line
    """The line that was dialled, as it was when the call came."""
    chose_language: bool = False
    unit: Unit | None = None
    unit_id: int | None = None
    """The unit a transfer by an operator went to."""
    failed_unit_id: int | None = None
    """The unit nobody of which answered the last transfer."""
    tried: list[dict[str, Any]] = field(default_factory=list)
    """Who of that unit was rung, as the ledger has it, until the ticket knows."""
    liaison_id: int | None = None
    """Who of the unit took the call; a service telephone is nobody's."""
    subject: str = ""
    ticket_no: str = ""
    ticket_id: int | None = None
    complaint_id: int | None = None
    """The complaint just made, until its maker has been asked what it is about."""
    query_code: str = ""
    about: Ticket | None = None
    """The ticket that a complaint or a rating by code is about."""
    message: Message | None = None
    has_recorded: bool = False
    """A message was recorded under this process's eyes."""
    handing_in: "asyncio.Task[Any] | None" = None
    """Makes a ticket of a message."""
    callback_number: str = ""
    asked: set[str] = field(default_factory=set)
    rated: set[str] = field(default_factory=set)
    code_failures: int = 0
    opening: "asyncio.Task[None] | None" = None
    """Opens the ticket of a talk that has begun; the query code comes from it."""
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
    """Base of the modules below: the caller, the tools, and the slots they fill."""

    deps: FlowDeps
    caller: Caller
    dialogue: Dialogue
    slots: dict[str, Any]
    note: Callable[..., None]
    sound: Callable[[str], str]
    """Name of the sound Asterisk plays for a prompt id."""

    async def keep(self, work: Coroutine[Any, Any, Any], name: str, wait_s: float) -> "asyncio.Task[Any]":
        """Do what must be stored; a caller waits for a database that is away no longer than `wait_s`."""
        job = self.deps.job(work, name)
        await asyncio.wait({job}, timeout=wait_s)
        return job

    def use_unit(self, unit: Unit, region: Region | None = None) -> None:
        """From here on the caller means this unit."""
        self.caller.unit = unit
        self.slots["unit"] = [unit_prompt((region or unit.region).code, unit.code)]

    def handlers(self) -> Mapping[str, Handler]:
        raise NotImplementedError
