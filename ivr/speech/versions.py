"""The texts of prompts kept beside the file (提示音版本, §5.9 「IVR texts」): put in force, proposed, decided, restored.

The version of a prompt and line that was accepted last is in force; none is changed afterwards, so each can be heard and
restored. Knows nothing of files: `voice` makes the sounds when it hears `PromptsChanged`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from core import audit, bus
from core.accounts import By
from core.clock import Clock
from core.db import hit_one
from core.errors import Conflict, InvalidInput
from ivr.models import PromptVersion, VersionState
from ivr.speech.prompt_catalogue import Edit

LONGEST_REMARK = 200
_IS_ACCEPTED = PromptVersion.state == VersionState.ACCEPTED


@dataclass(frozen=True)
class PromptsChanged:
    """What a prompt says was changed: callers hear it so from now on."""


class PromptChangedMeanwhile(Conflict):
    """Another version is in force than the one that the editor saw."""

    code = "prompt_changed_meanwhile"
    text = "这条提示音刚刚被他人修改，您的改动没有保存，请刷新页面，看过现在的文字后再改。"


@dataclass(frozen=True)
class Wanted:
    """A new version as it comes from the page; an empty text: the default again."""

    prompt: str
    line: str
    text: str
    recording: bytes | None = field(default=None, repr=False)
    recording_name: str = ""
    remark: str = ""


async def edits_in_force(session: AsyncSession) -> list[Edit]:
    """With their recordings, for the voice."""
    rows = await session.scalars(_in_force().options(undefer(PromptVersion.recording)))
    return [Edit(row.prompt, row.line, row.text, row.recording) for row in rows if not row.is_default]


async def in_force(session: AsyncSession) -> dict[tuple[str, str], PromptVersion]:
    """By prompt and line; the default again stands there as well."""
    return {(row.prompt, row.line): row for row in await session.scalars(_in_force())}


async def history(session: AsyncSession, prompt: str, line: str) -> Sequence[PromptVersion]:
    """Every version of a prompt on one line, the last first."""
    query = select(PromptVersion).where(PromptVersion.prompt == prompt, PromptVersion.line == line)
    return (await session.scalars(query.order_by(PromptVersion.id.desc()))).all()


async def waiting(session: AsyncSession) -> Sequence[PromptVersion]:
    """Every proposal that nobody has decided, the first first."""
    query = select(PromptVersion).where(PromptVersion.state == VersionState.WAITING)
    return (await session.scalars(query.order_by(PromptVersion.id))).all()


async def put_in_force(session: AsyncSession, clock: Clock, by: By, wanted: Wanted, seen: int) -> None:
    """Callers hear it from now on; `seen` is the id of the version that its editor had before them, 0 for none.

    Raises PromptChangedMeanwhile.
    """
    version = _new(clock, by, wanted, VersionState.ACCEPTED)
    version.decided_by, version.decided_at = by.actor, version.made_at
    session.add(version)
    await _note(session, clock, by, "prompt.change" if wanted.text else "prompt.default", version)
    # The audit log lets one writer in at a time: a second editor sees the first one's version here.
    is_same = (PromptVersion.prompt == wanted.prompt) & (PromptVersion.line == wanted.line)
    before = await session.scalar(_in_force(is_same, PromptVersion.id != version.id))
    if (before.id if before else 0) != seen:
        raise PromptChangedMeanwhile
    bus.publish(session, PromptsChanged())


async def propose(session: AsyncSession, clock: Clock, by: By, wanted: Wanted) -> None:
    """Nothing is heard of it until somebody who may edit accepts it."""
    version = _new(clock, by, wanted, VersionState.WAITING)
    session.add(version)
    await _note(session, clock, by, "prompt.propose", version)


async def decide(
    session: AsyncSession, clock: Clock, by: By, version: PromptVersion, *, is_accepted: bool
) -> None:
    """Accept a proposal or drop it; raises Conflict when somebody decided first."""
    state = VersionState.ACCEPTED if is_accepted else VersionState.REFUSED
    still = (PromptVersion.id == version.id) & (PromptVersion.state == VersionState.WAITING)
    decided = update(PromptVersion).where(still)
    if not hit_one(
        await session.execute(decided.values(state=state, decided_by=by.actor, decided_at=clock.now()))
    ):
        raise Conflict
    await _note(session, clock, by, "prompt.accept" if is_accepted else "prompt.refuse", version)
    if is_accepted:
        bus.publish(session, PromptsChanged())


def _in_force(*among: ColumnElement[bool]) -> Select[PromptVersion]:
    order = (PromptVersion.decided_at.desc(), PromptVersion.id.desc())
    place = func.row_number().over(partition_by=(PromptVersion.prompt, PromptVersion.line), order_by=order)
    ranked = select(PromptVersion.id, place.label("place")).where(_IS_ACCEPTED, *among).subquery()
    return select(PromptVersion).join(ranked, ranked.c.id == PromptVersion.id).where(ranked.c.place == 1)


def _new(clock: Clock, by: By, wanted: Wanted, state: VersionState) -> PromptVersion:
    if len(wanted.remark) > LONGEST_REMARK:
        raise InvalidInput(field="说明", reason=f"最多 {LONGEST_REMARK} 个字")
    return PromptVersion(
        prompt=wanted.prompt, line=wanted.line, text=wanted.text, recording=wanted.recording,
        recording_name=wanted.recording_name[:120], remark=wanted.remark, state=state, made_by=by.actor,
        made_at=clock.now(),
    )  # fmt: skip


async def _note(session: AsyncSession, clock: Clock, by: By, action: str, version: PromptVersion) -> None:
    await session.flush()
    await audit.record(
        session, clock, actor=by.actor, role=by.role, source=by.source, action=action,
        target=f"prompt:{version.prompt}:{version.line or 'all'}:{version.id}", reason=version.remark,
    )  # fmt: skip
