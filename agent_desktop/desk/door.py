"""What the training register says to an operator who signs in to the seat (上岗资格, M-89): a warning, or no seat."""

from collections.abc import Sequence

from aiohttp import web

from core.clock import beijing
from core.db import provided
from core.errors import NotAllowed
from core.web.keys import CLOCK, DB, person
from reports.training import standing
from reports.training.settings import TrainingSettings
from reports.training.standing import LACKING, Standing, State
from reports.training.words import TOPICS


class TrainingLacking(NotAllowed):
    """A training that the role needs is missing or over, and the settings let nobody sign in without it."""

    code = "training_lacking"
    text = "不能上岗：{what}。请联系主管安排培训并登记。"


async def warning(request: web.Request) -> str:
    """What to tell the operator, empty: nothing; raises TrainingLacking where the settings say `refuse`."""
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        settings = provided(session, TrainingSettings)
        needed = await standing.of_person(session, settings, today, person(request).user_id)
    if settings.at_sign_in == "refuse" and (lacking := [one for one in needed if one.state in LACKING]):
        raise TrainingLacking(what=_said(lacking))
    told = [one for one in needed if one.state != State.VALID]
    return f"{_said(told)}，请联系主管安排培训。" if told else ""


def _said(needed: Sequence[Standing]) -> str:
    return "，".join(_of_one(one) for one in needed)


def _of_one(one: Standing) -> str:
    name = f"{TOPICS[one.topic]}培训"
    match one.state:
        case State.MISSING:
            return f"没有{name}的登记"
        case State.EXPIRED:
            return f"{name}已于 {one.until} 到期"
        case _:
            return f"{name}将于 {one.until} 到期"
