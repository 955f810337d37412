"""Moving the items of the checklist (M-130, L164 「防止“两集中、两到位”走过场」): the department reports, the office checks.

The department says that an item has begun or is done; only what the office has seen counts as reached. What it
returns, also later on, the department does again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.errors import Conflict, InvalidInput
from core.people import User
from core.units import Unit
from reports.gathering.models import GatheringStep, Item, Progress

LONGEST_NOTE, SHORTEST_REASON = 1000, 5
ITEMS = {
    Item.FUNCTIONS: ("职能集中", "审批职能归并到一个行政审批科（股），写入“三定”方案"),
    Item.OFFICE: ("窗口集中", "行政审批科（股）进驻政务服务中心"),
    Item.MATTERS: ("事项到位", "保留的审批事项全部在窗口统一受理"),
    Item.AUTHORITY: ("授权到位", "只需形式要件审查的事项授权窗口现场办理"),
    Item.CLOSED: ("封闭运行", "其他事项一个口子进出、内部封闭运行、限时办结"),
}
NOT_BEGUN = "未开始"
NAMES = {
    Progress.BEGUN: "进行中",
    Progress.DONE: "已完成，待核实",
    Progress.CHECKED: "已核实",
    Progress.RETURNED: "退回整改",
}
OF_DEPARTMENT = frozenset({Progress.BEGUN, Progress.DONE})
OF_OFFICE = frozenset({Progress.CHECKED, Progress.RETURNED})
_CHECKABLE = {Progress.CHECKED: {Progress.DONE}, Progress.RETURNED: {Progress.DONE, Progress.CHECKED}}


class NotReported(Conflict):
    """The office checks what a department has reported as done."""

    code = "gathering_not_reported"
    text = "该单位还没有报告这一项完成，不能核实或退回。"


class AlreadyChecked(Conflict):
    """A checked item stays until the office returns it."""

    code = "gathering_checked"
    text = "这一项已经核实，如有变化请联系政府办退回后再报。"


@dataclass(frozen=True)
class Standing:
    """One department's checklist: the newest line of each item that has one."""

    unit: Unit
    latest: Mapping[Item, GatheringStep]

    @property
    def reached(self) -> int:
        return sum(step.progress == Progress.CHECKED for step in self.latest.values())


async def standing(session: AsyncSession, units: Collection[Unit]) -> list[Standing]:
    """Of each unit, in the order given."""
    newest = (
        select(func.max(GatheringStep.id))
        .where(GatheringStep.unit_id.in_([unit.id for unit in units]))
        .group_by(GatheringStep.unit_id, GatheringStep.item)
    )
    found: dict[int, dict[Item, GatheringStep]] = {unit.id: {} for unit in units}
    for step in await session.scalars(select(GatheringStep).where(GatheringStep.id.in_(newest))):
        found[step.unit_id][Item(step.item)] = step
    return [Standing(unit, found[unit.id]) for unit in units]


async def history(session: AsyncSession, unit_id: int) -> Sequence[GatheringStep]:
    """Every line of one department, the newest first."""
    wanted = select(GatheringStep).where(GatheringStep.unit_id == unit_id)
    return (await session.scalars(wanted.order_by(GatheringStep.id.desc()))).all()


async def move(
    session: AsyncSession, clock: Clock, user: User, unit: Unit, item: Item, progress: Progress, note: str
) -> None:
    """A further line; whose turn it is, is the page's to know. Raises InvalidInput, NotReported, AlreadyChecked."""
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise InvalidInput(field="说明", reason=f"最多 {LONGEST_NOTE} 个字")
    if progress in {Progress.DONE, Progress.RETURNED} and len(note) < SHORTEST_REASON:
        raise InvalidInput(field="说明", reason=f"请写明情况，至少 {SHORTEST_REASON} 个字")
    await session.scalar(select(Unit.id).where(Unit.id == unit.id).with_for_update())
    last = (await standing(session, [unit]))[0].latest.get(item)
    before = last.progress if last else None
    if progress in OF_OFFICE and before not in _CHECKABLE[progress]:
        raise NotReported
    if progress in OF_DEPARTMENT and before == Progress.CHECKED:
        raise AlreadyChecked
    line = {"unit_id": unit.id, "item": item, "progress": progress, "note": note, "user_id": user.id}
    session.add(GatheringStep(**line, at=clock.now()))
    await audit.record(
        session,
        clock,
        actor=user.username,
        action=f"gathering.{progress}",
        target=f"{unit.code}/{item}",
        reason=note,
    )
