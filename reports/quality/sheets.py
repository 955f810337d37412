"""Score sheets (评分表): what is asked and how much each question weighs; each change a further version."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.clock import Clock
from core.errors import Conflict, InvalidInput, NotFound
from core.people import User
from reports.quality.models import About, ScoreSheet, ScoreSheetVersion

Question = dict[str, Any]
MOST_QUESTIONS, MOST_WEIGHT, LONGEST_TEXT, LONGEST_NAME = 20, 100, 200, 40
STANDARD: dict[About, tuple[Question, ...]] = {
    About.OPERATOR: (
        {"text": "开头用语规范，报工号", "weight": 10, "situation": "open"},
        {"text": "态度热情，耐心倾听，不打断", "weight": 20, "situation": ""},
        {"text": "问清问题要点并复述确认", "weight": 15, "situation": ""},
        {"text": "答复准确、完整，依据现行规定", "weight": 25, "situation": ""},
        {"text": "转接、保持前征得同意并说明去向", "weight": 10, "situation": "transfer"},
        {"text": "不能答复的，告知其他查询方式和程序", "weight": 10, "situation": "cannot_answer"},
        {"text": "结束用语规范，告知查询码", "weight": 10, "situation": "close"},
    ),
    About.UNIT: (
        {"text": "自报单位和姓名", "weight": 10, "situation": ""},
        {"text": "服务态度热情，用语规范", "weight": 25, "situation": ""},
        {"text": "熟悉本部门工作和相关政策", "weight": 25, "situation": ""},
        {"text": "答复准确、完整", "weight": 25, "situation": ""},
        {"text": "不推诿，不能答复的说明办法和时限", "weight": 15, "situation": ""},
    ),
}
"""What a new sheet begins with. M-13 「服务态度、服务水平、对部门工作和相关政策的熟悉程度」"""


class SheetUnchanged(Conflict):
    """The new version would ask what the present one asks."""

    code = "sheet_unchanged"
    text = "评分表内容没有变化，无需另存新版本。"


class SheetNameTaken(Conflict):
    """The region has a sheet of that name."""

    code = "sheet_name_taken"
    text = "已有同名的评分表，请换一个名称，或在原表上修改。"


async def create(
    session: AsyncSession, clock: Clock, user: User, *, region_id: int, about: About, name: str,
    questions: Sequence[Question],
) -> ScoreSheet:  # fmt: skip
    """A sheet with its first version; raises InvalidInput, SheetNameTaken."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidInput(field="评分表名称", reason=f"请填写 1 到 {LONGEST_NAME} 个字")
    asked = checked(questions)
    sheet = ScoreSheet(region_id=region_id, about=about, name=name)
    session.add(sheet)
    try:
        await session.flush()
    except IntegrityError:
        raise SheetNameTaken from None
    await _add_version(session, clock, user, sheet, 1, asked)
    return sheet


async def change(
    session: AsyncSession, clock: Clock, user: User, sheet: ScoreSheet, questions: Sequence[Question]
) -> ScoreSheetVersion:
    """The next version; grades already given keep theirs. `sheet.versions` must be loaded."""
    asked, last = checked(questions), sheet.versions[-1]
    if asked == last.questions:
        raise SheetUnchanged
    return await _add_version(session, clock, user, sheet, last.number + 1, asked)


async def find(session: AsyncSession, sheet_id: int, region_ids: frozenset[int]) -> ScoreSheet:
    """The sheet with its versions; raises NotFound outside these regions."""
    wanted = select(ScoreSheet).where(ScoreSheet.id == sheet_id, ScoreSheet.region_id.in_(region_ids))
    sheet = await session.scalar(wanted.options(selectinload(ScoreSheet.versions)))
    if sheet is None:
        raise NotFound
    return sheet


async def of_regions(session: AsyncSession, region_ids: frozenset[int]) -> Sequence[ScoreSheet]:
    wanted = select(ScoreSheet).where(ScoreSheet.region_id.in_(region_ids)).order_by(ScoreSheet.id)
    return (await session.scalars(wanted.options(selectinload(ScoreSheet.versions)))).all()


def checked(questions: Sequence[Question]) -> list[Question]:
    """The questions as they are kept; raises InvalidInput for what cannot be graded by."""
    if not 0 < len(questions) <= MOST_QUESTIONS:
        raise InvalidInput(field="评分项目", reason=f"请填写 1 到 {MOST_QUESTIONS} 项")
    kept = []
    for number, one in enumerate(questions, start=1):
        text, weight = str(one["text"]).strip(), one["weight"]
        if not 0 < len(text) <= LONGEST_TEXT:
            raise InvalidInput(field=f"第 {number} 项内容", reason=f"请填写 1 到 {LONGEST_TEXT} 个字")
        if not isinstance(weight, int) or not 0 < weight <= MOST_WEIGHT:
            raise InvalidInput(field=f"第 {number} 项分值", reason=f"请填写 1 到 {MOST_WEIGHT} 的整数")
        kept.append({"text": text, "weight": weight, "situation": str(one.get("situation", ""))[:40]})
    return kept


async def _add_version(
    session: AsyncSession, clock: Clock, user: User, sheet: ScoreSheet, number: int, asked: list[Question]
) -> ScoreSheetVersion:
    version = ScoreSheetVersion(
        sheet_id=sheet.id, number=number, made_at=clock.now(), author_id=user.id, questions=asked
    )
    session.add(version)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict from None
    await audit.record(
        session, clock, actor=user.username, action="quality.sheet", target=f"{sheet.id}:{number}"
    )
    return version
