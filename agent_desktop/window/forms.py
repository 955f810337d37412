"""The form of the window: who came, by what door, and one or several items (一窗受理, M-130 「一人一窗一次」)."""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from core.clock import BEIJING, Clock, beijing
from core.errors import InvalidInput
from core.web.days import read_day
from core.web.uploads import Form
from tickets.models import Channel, TicketKind
from tickets.oversight.causes import Cause, cause_of

MOST_ITEMS = 5
LONGEST_BACK_DAYS = 366
DOORS = {Channel.WINDOW: "窗口", Channel.LETTER: "信函", Channel.VISIT: "来访", Channel.PHONE: "电话"}
KINDS = {
    TicketKind.QUESTION: "提问",
    TicketKind.COMPLAINT: "投诉举报（转监察）",
    TicketKind.DISCLOSURE: "申请公开",
}


@dataclass(frozen=True)
class Item:
    """One matter: its text, the unit's code if known, and the answer if it was given at once."""

    text: str
    unit: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Walk:
    """One registration."""

    door: Channel
    received_at: datetime
    """Letters and visits: noon of the day they came, whenever they are typed (M-108)."""
    kind: TicketKind
    cause: Cause | None = None
    """Of a complaint."""
    name: str = ""
    phone: str = ""
    way: str = ""
    address: str = ""
    """Of an application for disclosure (M-110): how its applicant wants to be given the information, and where."""
    items: tuple[Item, ...] = field(default=())


def walk_of(form: Form, clock: Clock) -> Walk:
    """What was filled in; raises InvalidInput."""
    door = next((door for door in DOORS if door == form.text("door")), None)
    if door is None:
        raise InvalidInput(field="来源", reason="请选择窗口、信函或来访")
    kind = next((kind for kind in KINDS if kind == form.text("kind")), None)
    if kind is None:
        raise InvalidInput(field="类别", reason="请选择提问、投诉举报或申请公开")
    if door == Channel.PHONE and kind != TicketKind.DISCLOSURE:
        raise InvalidInput(field="来源", reason="电话里的提问和投诉在话务台登记，这里只代填申请公开")
    items = [
        Item(form.text(f"text{number}"), form.text(f"unit{number}"), form.text(f"answer{number}"))
        for number in range(1, MOST_ITEMS + 1)
        if form.text(f"text{number}").strip()
    ]
    if not items:
        raise InvalidInput(field="事项", reason="请至少填写一件")
    return Walk(
        door=door,
        received_at=_received_at(form.text("received_on"), door, clock),
        kind=kind,
        cause=cause_of(form.text("cause")) if kind == TicketKind.COMPLAINT else None,
        name=form.text("name"),
        phone=form.text("phone"),
        way=form.text("way"),
        address=form.text("address"),
        items=tuple(items),
    )


def _received_at(text: str, door: Channel, clock: Clock) -> datetime:
    if door not in {Channel.LETTER, Channel.VISIT} or not text:
        return clock.now()
    on = read_day(text, "收到日期")
    if (beijing(clock.now()).date() - on).days > LONGEST_BACK_DAYS:
        raise InvalidInput(field="收到日期", reason="早于一年前，请核对年份")
    return came_at(on, "收到日期", clock)


def came_at(on: date, label: str, clock: Clock) -> datetime:
    """When something counts as received that came on a day: at noon, today now; raises InvalidInput for a day to come."""
    now = clock.now()
    today = beijing(now).date()
    if on > today:
        raise InvalidInput(field=label, reason="不能晚于今天")
    return now if on == today else datetime.combine(on, time(12), BEIJING)
