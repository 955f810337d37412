"""What the wallboard shows (大屏内容): the board's present and today's figures, as one JSON state. Pure but for `today`."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from core.clock import BEIJING, Clock, beijing
from core.db import Database
from ivr.board import AgentView, LiveCallView, WaitingView
from recordings.figures import QueueFigures, queue_figures
from reports.counting.figures import Figure, figure
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice
from reports.staffing import Need, need

STATES = {
    "ready": "就绪",
    "ringing": "振铃",
    "talking": "通话",
    "consulting": "咨询",
    "wrapup": "整理",
    "paused": "小休",
    "offline": "离线",
}
TALKING_PHASES = frozenset({"talking", "held", "transferring", "consulting", "three_way", "liaison"})
SLIDING = timedelta(hours=24)
LEAST_ANSWERED = 0.95
"""Below that within any 24 hours the wall turns red: what GB/T 33358-2016 asks of a hotline."""
_NO_NEED = Need()
MENU_PHASES = frozenset({"menu", "after_talk"})


async def today(db: Database, clock: Clock) -> QueueFigures:
    """The figures since Beijing midnight."""
    now = clock.now()
    midnight = datetime.combine(beijing(now).date(), time(), BEIJING)
    async with db.reading() as session:
        return await queue_figures(session, midnight, now + timedelta(seconds=1))


async def sliding(db: Database, clock: Clock) -> Figure:
    """接通率 (K-01) of the last 24 hours up to now."""
    now = clock.now()
    async with db.reading() as session:
        return await figure(session, BY_KEY["K-01"], Slice(now - SLIDING, now, now))


async def staffing(db: Database, clock: Clock) -> Need:
    """The seats that the calls of the last hour need."""
    async with db.reading() as session:
        return await need(session, clock.now())


def wall_state(
    now: datetime,
    agents: Sequence[AgentView],
    waiting: Sequence[WaitingView],
    calls: Sequence[LiveCallView],
    figures: QueueFigures,
    last_day: Figure,
    wanted: Need = _NO_NEED,
) -> dict[str, Any]:
    """The whole state; instants in ISO, `now` with it so that a screen with a wrong clock still counts right."""
    calls = [call for call in calls if not call.is_practice]
    seats = Counter(_seat_state(agent) for agent in agents)
    signed_in = sum(number for state, number in seats.items() if state != "offline")
    longest = min((view.queued_at for view in waiting), default=None)
    return {
        "now": now.isoformat(),
        "waiting": len(waiting),
        "longest_since": longest.isoformat() if longest else None,
        "talking": sum(call.phase in TALKING_PHASES for call in calls),
        "in_menu": sum(call.phase in MENU_PHASES for call in calls),
        "signed_in": signed_in,
        "needed": {
            "seats": wanted.seats,
            "calls": wanted.calls,
            "handling_s": round(wanted.handling_s),
            "is_short": signed_in < wanted.seats,
        },
        "seats": [{"state": s, "text": text, "number": seats[s]} for s, text in STATES.items()],
        "agents": [_agent_json(agent) for agent in agents],
        "today": figures_json(figures),
        "last_day": {
            "percent": last_day.text,
            "numerator": last_day.numerator,
            "denominator": last_day.denominator,
            "is_low": last_day.value is not None and last_day.value < LEAST_ANSWERED,
        },
    }


def _seat_state(agent: AgentView) -> str:
    """Whoever practises (练习) is not at work."""
    if agent.call and agent.call.is_practice:
        return "paused"
    return agent.state if agent.state in STATES else "offline"


def _agent_json(agent: AgentView) -> dict[str, Any]:
    state = _seat_state(agent)
    return {
        "staff_number": agent.staff_number,
        "name": agent.display_name,
        "state": state,
        "text": agent.reason if state == "paused" and agent.reason else STATES[state],
        "since": agent.since_at.isoformat(),
        "registered": agent.registered,
    }


def figures_json(figures: QueueFigures) -> dict[str, Any]:
    """Each rate with its numerator and denominator; an empty denominator has no rate."""
    return {
        "offered": figures.offered,
        "answered": figures.answered,
        "abandoned": figures.abandoned,
        "abandoned_quickly": figures.abandoned_quickly,
        "left_message": figures.left_message,
        "mean_wait_ms": figures.mean_wait_ms,
        "prompt": _rate(figures.answered_promptly, figures.decided),
        "answer_rate": _rate(figures.answered, figures.decided),
        "by_hour": [
            {"hour": hour, "offered": offered, "answered": answered}
            for hour, offered, answered in figures.by_hour
        ],
    }


def _rate(numerator: int, denominator: int) -> dict[str, Any]:
    percent = f"{numerator / denominator:.1%}" if denominator else "—"
    return {"numerator": numerator, "denominator": denominator, "percent": percent}
