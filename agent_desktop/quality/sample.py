"""`/quality/samples/{id}`: one talk to hear and grade in place; its grades, the appeal and the recheck."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.desk import phrases
from agent_desktop.quality.reach import GRADED, GRADERS, READERS, Viewer, viewer_of
from agent_desktop.quality.words import ABOUTS, KINDS, STATES, TONES
from agent_desktop.supervise import access
from agent_desktop.supervise.one_call import MARKS, player_of
from core.errors import InvalidInput, NotFound
from core.people import User
from core.units import Unit
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.numbers import whole_number
from core.web.routes import Routes
from recordings import calls
from recordings.models import CallMark, RecordingKind
from reports.quality import grading
from reports.quality.models import GradeKind, Sample

routes = Routes()
_PATH = "/quality/samples/{id:[0-9]{1,9}}"
POINT_DIGITS = 3


@routes.get(_PATH, roles=READERS)
async def page(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    async with request.app[DB].unit_of_work() as session:
        viewer, sample = await _found(request, session)
        concerned = await _is_concerned(session, viewer, sample)
        if concerned:
            grading.mark_seen(sample, viewer.user, now)
        context: dict[str, Any] = {
            "situations": {one.id: one for one in await phrases.current(session)},
            "version": await grading.version_for(session, sample),
            "people": await _names(session, sample),
            "unit": await session.get(Unit, sample.unit_id) if sample.unit_id else None,
            "player": await _player(request, session, sample),
            "may_appeal": concerned and await grading.may_appeal(session, now, sample),
        }
    kind = grading.next_kind(sample)
    may_grade = viewer.reach is not None and kind is not None and grading.may_grade(sample, viewer.user.id)
    blind = may_grade and kind == GradeKind.SECOND
    return render(
        request, "quality/sample.html", sample=sample, call=sample.call, state=state_of(sample), states=STATES,
        tones=TONES, abouts=ABOUTS, kinds=KINDS, kind=kind if may_grade else None, blind=blind,
        grades=[] if blind else _shown(viewer, sample), standing=grading.standing(sample), say=grading.say,
        apart=grading.apart(sample), is_grader=viewer.reach is not None,
        mark=MARKS[CallMark(sample.call.mark)] if sample.call.mark else "", **context,
    )  # fmt: skip


@routes.post(_PATH + "/grade", roles=GRADERS)
async def grade(request: web.Request) -> web.StreamResponse:
    """`kind`, `points-N` for each question (empty: 不适用) and `comment`."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    kind = form.get("kind", "")
    if kind not in set(GradeKind):
        raise InvalidInput(field="评分", reason="请刷新页面后重评")
    async with request.app[DB].unit_of_work() as session:
        viewer = await viewer_of(request, session)
        sample = await grading.find(session, int(request.match_info["id"]), viewer.grades)
        asked = (await grading.version_for(session, sample)).questions
        answers = [_points(form, number, one["text"]) for number, one in enumerate(asked)]
        made = await grading.grade(
            session,
            request.app[CLOCK],
            viewer.user,
            sample,
            GradeKind(kind),
            answers,
            form.get("comment", ""),
        )
        told = f"{KINDS[made.kind]}已提交：{grading.say(made.points)} 分，不能再改。"
    return see_other(f"/quality/samples/{sample.id}", flash=told)


@routes.post(_PATH + "/appeal", roles=GRADED)
async def appeal(request: web.Request) -> web.StreamResponse:
    """`reason`; by the person graded or the head of their unit."""
    reason = str((await request.post()).get("reason", ""))
    async with request.app[DB].unit_of_work() as session:
        viewer = await viewer_of(request, session)
        sample = await grading.find(session, int(request.match_info["id"]), viewer.concerns)
        await grading.appeal(session, request.app[CLOCK], viewer.user, sample, reason)
    return see_other(f"/quality/samples/{sample.id}", flash="申诉已提交，将由未评过此通话的人复核。")


def state_of(sample: Sample) -> str:
    """A key of STATES."""
    kinds = {grade.kind for grade in sample.grades}
    if GradeKind.RECHECK in kinds:
        return "rechecked"
    if sample.appeal is not None:
        return "appealed"
    return "graded" if GradeKind.FIRST in kinds else "waiting"


async def _found(request: web.Request, session: AsyncSession) -> tuple[Viewer, Sample]:
    viewer = await viewer_of(request, session)
    return viewer, await grading.find(session, int(request.match_info["id"]), viewer.sees)


async def _is_concerned(session: AsyncSession, viewer: Viewer, sample: Sample) -> bool:
    return await session.scalar(select(Sample.id).where(Sample.id == sample.id, viewer.concerns)) is not None


def _shown(viewer: Viewer, sample: Sample) -> list[Any]:
    """Graders see every grade; those graded what stands or stood, not what graders compare by."""
    return [one for one in sample.grades if viewer.reach or one.kind != GradeKind.SECOND]


async def _names(session: AsyncSession, sample: Sample) -> dict[int, str]:
    wanted = {sample.user_id, *(grade.grader_id for grade in sample.grades)}
    if sample.appeal:
        wanted.add(sample.appeal.asker_id)
    rows = await session.execute(select(User.id, User.display_name).where(User.id.in_(wanted - {None})))
    return {user_id: name for user_id, name in rows}  # noqa: C416 (types)


async def _player(request: web.Request, session: AsyncSession, sample: Sample) -> dict[str, Any] | None:
    """The talk's player, as far as this person may hear it: the checked stream of `/supervise`."""
    who = await access.listener(request, session)
    try:
        found = await calls.one(session, sample.call.linkedid, access.scope(request, who))
    except NotFound:
        return None
    talk = next(
        (one for one in found.recordings if one.kind == RecordingKind.TALK and one.deleted_at is None), None
    )
    if talk is None or await access.is_shielded_voice(session, who.roles, talk):
        return None
    shown = await player_of(request, session, who, found, talk)
    return shown if shown["permission"] else None


def _points(form: Mapping[str, str], number: int, label: str) -> int | None:
    text = form.get(f"points-{number}", "").strip()
    if not text:
        return None
    points = whole_number(text, POINT_DIGITS)
    if points is None:
        raise InvalidInput(field=label, reason="请填写整数，不适用的留空")
    return points
