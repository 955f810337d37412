"""From an answer to an entry (答复入库, M-66 「将带普遍性、可以公开的答复信息添加到查询信息库」): a draft, linked to its ticket.

Knows a ticket by its number alone. Nothing is taken out of the answer: what looks like personal data is named, and
the draft cannot be submitted before an editor has dealt with it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.units import SUBJECTS
from kb.access import Editor
from kb.entries import create
from kb.errors import AlreadyProposed, NotProposable
from kb.fields import LONGEST_ANSWER, EntryFields
from kb.models import Entry, EntryState
from kb.personal import Finding, find
from kb.workflow import suspicions

LONGEST_TITLE = 60
_SENTENCE_END = re.compile(r"(?<=[。？！?!\n])")


@dataclass(frozen=True)
class Proposal:
    """The draft, and what in it may be personal data."""

    entry: Entry
    findings: list[Finding]


async def propose(
    session: AsyncSession,
    clock: Clock,
    editor: Editor,
    *,
    ticket_no: str,
    question: str,
    answer: str,
    is_common: bool,
    may_be_public: bool,
    subject: str = "",
    personal: Iterable[str] = (),
) -> Proposal:
    """A draft of the editor's unit from a ticket's question and answer.

    `is_common` and `may_be_public` are the ticks 带普遍性 and 可以公开, `personal` the asker's name and numbers.
    Raises NotProposable without both ticks, AlreadyProposed when the ticket has an entry, NotYourUnit.
    """
    if not (is_common and may_be_public):
        raise NotProposable
    if known := await entry_of(session, ticket_no):
        raise AlreadyProposed(title=known.title)
    fields = EntryFields(
        title_of(question),
        answer.strip()[:LONGEST_ANSWER],
        subject=subject if subject in SUBJECTS else "",
    )
    entry = await create(session, clock, editor, fields, ticket_no=ticket_no)
    theirs = {one for one in personal if one}
    certain = [one for one in find(f"{fields.title}\n{fields.answer}", known=theirs) if one.text in theirs]
    guessed = [one for one in await suspicions(session, fields) if one.text not in theirs]
    return Proposal(entry, certain + guessed)


async def entry_of(session: AsyncSession, ticket_no: str) -> Entry | None:
    """The entry that a ticket's answer became; None when there is none, or its draft was thrown away."""
    query = select(Entry).where(Entry.ticket_no == ticket_no, Entry.published_at.is_not(None))
    living = select(Entry).where(Entry.ticket_no == ticket_no, Entry.state != EntryState.WITHDRAWN)
    return await session.scalar(query.limit(1)) or await session.scalar(living.limit(1))


def title_of(question: str) -> str:
    """The question's first sentence, short enough to be a title."""
    first = (
        next((part for part in _SENTENCE_END.split(question.strip()) if part.strip()), "") or "（请填写标题）"
    )
    return first.strip()[:LONGEST_TITLE]
