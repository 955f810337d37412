"""The editors' to-do list (待办, M-84): searches that found nothing, questions nobody could answer, remarks of the desk.

A gap becomes a line when it was met three times; each line has a unit that is asked and a day until when. Reviews that
are due are no lines here: `kb.entries.due_for_review` reads them from the entries themselves.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.errors import InvalidInput, NotFound
from core.people import Role
from core.units import Liaison, Unit
from kb.access import Editor
from kb.errors import NotYourTodo, TodoSettled
from kb.models import Entry, SearchLog, Todo, TodoKind, TodoState

TIMES_TO_ASK = 3
"""So often the same words must find nothing before somebody is asked to write (M-84)."""
DAYS_TO_WRITE = 5
"""Working days until a line is due"""
LONGEST_TEXT = 500


async def collect(session: AsyncSession, clock: Clock) -> int:
    """Bring the gaps of the search log onto the list; returns the number of lines that are new or counted on.

    Running it again changes nothing: a line keeps when it was last met, and only later searches count.
    """
    first_met, last_met = func.min(SearchLog.at), func.max(SearchLog.at)
    query = select(SearchLog.normal, func.min(SearchLog.query), func.count(), first_met, last_met)
    query = query.where(SearchLog.not_found, SearchLog.normal != "").group_by(SearchLog.normal)
    query = query.having(func.count() >= TIMES_TO_ASK)
    gaps = (await session.execute(query)).all()
    known = await _last_lines(session, [normal for normal, *_ in gaps])
    changed = 0
    for normal, text, times, first_at, last_at in gaps:
        line = known.get(normal)
        if line is not None and line.last_at >= last_at:
            continue
        changed += 1
        if line is not None and line.state == TodoState.OPEN:
            line.times, line.last_at = times, last_at
        elif line is None or times - line.times >= TIMES_TO_ASK:  # asked again although it was settled
            fresh = Todo(
                kind=TodoKind.GAP, text=text, normal=normal, times=times, raised_at=first_at, last_at=last_at,
                unit_id=await _unit_that_searched(session, normal), due_on=await _due_on(session, clock),
            )  # fmt: skip
            session.add(fresh)
    await session.flush()
    return changed


async def add_question(
    session: AsyncSession,
    clock: Clock,
    *,
    text: str,
    unit_id: int | None,
    ticket_no: str,
    user_id: int | None,
) -> None:
    """A question on a ticket that could not be answered: its unit is asked to write; once per ticket."""
    if await session.scalar(select(Todo.id).where(Todo.ticket_no == ticket_no)) is None:
        await _add(
            session, clock, TodoKind.QUESTION, text, unit_id=unit_id, ticket_no=ticket_no, raised_by=user_id
        )


async def suggest(
    session: AsyncSession, clock: Clock, *, text: str, user_id: int | None, entry: Entry | None = None, unit_id: int | None = None
) -> None:  # fmt: skip
    """A remark of the desk (§5.9 OP suggest) or of the public (`user_id` None): a mistake in an entry, or something
    that should be there. The same words again are counted on the open line.
    """
    if not 0 < len(text.strip()) <= LONGEST_TEXT:
        raise InvalidInput(field="建议", reason=f"请填写 1～{LONGEST_TEXT} 个字")
    same = (Todo.kind == TodoKind.SUGGESTION, Todo.state == TodoState.OPEN, Todo.text == text.strip())
    about = Todo.entry_id == entry.id if entry else Todo.entry_id.is_(None)
    if known := await session.scalar(select(Todo).where(*same, about)):
        known.times, known.last_at = known.times + 1, clock.now()
        return
    await _add(
        session, clock, TodoKind.SUGGESTION, text, raised_by=user_id,
        unit_id=entry.unit_id if entry else unit_id, entry_id=entry.id if entry else None,
    )  # fmt: skip


async def assign(session: AsyncSession, editor: Editor, todo_id: int, *, unit_id: int, due_on: date) -> Todo:
    """Ask a unit until a day: an office asks units of its level, secrecy any (§5.9); raises NotYourTodo."""
    line = await _open_line(session, todo_id)
    unit = await session.get(Unit, unit_id)
    if unit is None:
        raise InvalidInput(field="单位", reason="请从列表中选择")
    by_office = Role.OFFICE in editor.roles and unit.region_id == editor.region_id
    if not (by_office or Role.SECRECY in editor.roles):
        raise NotYourTodo
    line.unit_id, line.due_on = unit_id, due_on
    await session.flush()
    return line


async def settle(
    session: AsyncSession,
    clock: Clock,
    editor: Editor,
    todo_id: int,
    *,
    note: str = "",
    entry_id: int | None = None,
    drop: bool = False,
) -> Todo:
    """Written, or not needed (`drop`, with a note); raises TodoSettled when somebody was faster, NotYourTodo."""
    line = await _open_line(session, todo_id)
    if line.unit_id not in editor.unit_ids and not editor.roles & {Role.OFFICE, Role.SECRECY}:
        raise NotYourTodo
    if drop and not note.strip():
        raise InvalidInput(field="说明", reason="不需要编写的，请说明原因")
    done = await session.scalar(
        update(Todo)
        .where(Todo.id == todo_id, Todo.state == TodoState.OPEN)
        .values(
            state=TodoState.DROPPED if drop else TodoState.DONE, note=note.strip()[:LONGEST_TEXT],
            entry_id=entry_id or line.entry_id, settled_by=editor.user_id, settled_at=clock.now(),
        )
        .returning(Todo.id)
    )  # fmt: skip
    if done is None:
        raise TodoSettled
    await session.refresh(line)
    return line


async def find(session: AsyncSession, todo_id: int) -> Todo:
    """One line; raises NotFound."""
    line = await session.get(Todo, todo_id)
    if line is None:
        raise NotFound
    return line


async def _open_line(session: AsyncSession, todo_id: int) -> Todo:
    line = await find(session, todo_id)
    if line.state != TodoState.OPEN:
        raise TodoSettled
    return line


async def _add(session: AsyncSession, clock: Clock, kind: TodoKind, text: str, **more: object) -> None:
    now = clock.now()
    session.add(
        Todo(
            kind=kind, text=text.strip()[:LONGEST_TEXT], raised_at=now, last_at=now,
            due_on=await _due_on(session, clock), **more,
        )
    )  # fmt: skip
    await session.flush()


async def _last_lines(session: AsyncSession, normals: Sequence[str]) -> dict[str, Todo]:
    query = select(Todo).where(Todo.normal.in_(normals)).order_by(Todo.id)
    return {line.normal: line for line in (await session.scalars(query)).all()}


async def _unit_that_searched(session: AsyncSession, normal: str) -> int | None:
    """The unit whose liaison looked for it; a gap of the desk or the public waits for an office to ask somebody."""
    query = (
        select(Liaison.unit_id)
        .join(SearchLog, SearchLog.user_id == Liaison.user_id)
        .where(SearchLog.normal == normal, SearchLog.not_found)
        .limit(1)
    )
    return await session.scalar(query)


async def _due_on(session: AsyncSession, clock: Clock) -> date:
    calendar = await load_calendar(session)
    return calendar.due_from(beijing(clock.now()).date(), DAYS_TO_WRITE).on
