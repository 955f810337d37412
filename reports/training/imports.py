"""Import of the register from a spreadsheet (导入培训登记): what would be written, or every fault by its row; all or none."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import User
from core.sheet_reader import SheetUnreadable, read_sheets
from core.units import Unit
from reports.training.columns import course_of, rows_of
from reports.training.register import Course, key_of, standing_keys

MOST_ROWS = 2000
Rows = list[tuple[int, dict[str, str]]]


@dataclass
class Plan:
    """What a file says: the lines to write, how many stand already, and the sentences about what is wrong."""

    lines: list[tuple[User, Course]] = field(default_factory=list)
    known: int = 0
    faults: list[str] = field(default_factory=list)


def read(name: str, content: bytes) -> tuple[Rows, list[str]]:
    """Rows and faults of the file's first table (blocking: call it from a thread); raises SheetUnreadable."""
    sheet = next((one for one in read_sheets(name, content) if one.rows), None)
    if sheet is None:
        raise SheetUnreadable(name=name, reason="文件里没有内容")
    if len(sheet.rows) > MOST_ROWS:
        raise SheetUnreadable(name=name, reason=f"超过 {MOST_ROWS} 行，请分成几个文件")
    return rows_of(sheet)


async def plan(
    session: AsyncSession, rows: Rows, faults: list[str], today: date, author: User, kept: ColumnElement[bool]
) -> Plan:
    """`kept`: the people (User, Unit joined) whom the author may write about; others do not exist for them."""
    found = Plan(faults=list(faults))
    people = await _people(session, {cells.get("person", "").strip() for _, cells in rows}, kept)
    for number, cells in rows:
        course, wrong = course_of(cells)
        given = cells.get("person", "").strip()
        user = people.get(given)
        if given and user is None:
            wrong.append(f"“人员”没有找到“{given[:30]}”，应为您管理范围内的用户名或工号")
        if user is not None and user.id == author.id:
            wrong.append("不能登记自己的培训")
        if course and (fault := course.fault(today)):
            wrong.append(fault)
        found.faults += [f"第 {number} 行：{text}" for text in wrong]
        if course and user is not None and not wrong:
            found.lines.append((user, course))
    await _leave_out_known(session, found)
    return found


async def _people(session: AsyncSession, names: set[str], kept: ColumnElement[bool]) -> dict[str, User]:
    query = select(User).outerjoin(Unit, Unit.id == User.unit_id)
    query = query.where(kept, or_(User.username.in_(names), User.staff_number.in_(names)))
    users = (await session.scalars(query)).all()
    by_number = {user.staff_number: user for user in users if user.staff_number}
    return by_number | {user.username: user for user in users}


async def _leave_out_known(session: AsyncSession, found: Plan) -> None:
    """A file may be sent twice; a line that stands twice in it is a mistake."""
    keys = Counter(key_of(user.id, course) for user, course in found.lines)
    twice = {user.display_name for user, course in found.lines if keys[key_of(user.id, course)] > 1}
    found.faults += [f"{name}：同一次培训在文件里出现了两次" for name in sorted(twice)]
    known = await standing_keys(session, {user.id for user, _ in found.lines})
    new = [(user, course) for user, course in found.lines if key_of(user.id, course) not in known]
    found.known, found.lines = len(found.lines) - len(new), new
