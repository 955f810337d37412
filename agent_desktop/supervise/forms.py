"""The filter form of the call list (筛选): query string in, filter out, and back again for links."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from core.clock import BEIJING
from core.errors import InvalidInput
from core.web.days import read_day_if_any
from core.web.numbers import read_key_if_any
from recordings.calls import NO_KEY, SORTS, CallFilter
from recordings.models import CallEnd

ENDS = {
    CallEnd.OPERATOR: "话务员服务",
    CallEnd.LIAISON: "转接部门",
    CallEnd.SELF_SERVICE: "自助完成",
    CallEnd.VOICEMAIL: "留言",
    CallEnd.COMPLAINT: "投诉",
    CallEnd.QUEUE: "排队放弃",
    CallEnd.CALL_BACK: "保留位置等回拨",
    CallEnd.MENU: "菜单中挂机",
    CallEnd.UNSEEN: "未能观察",
}
SCORE_CHOICES = {"1": "满意", "2": "基本满意", "3": "不满意", str(NO_KEY): "未按键"}
FIELDS = (
    "from",
    "to",
    "line",
    "direction",
    "operator",
    "unit",
    "number",
    "end",
    "score",
    "recording",
    "sort",
)


def call_filter(query: Mapping[str, str]) -> CallFilter:
    """The filter of a request; raises InvalidInput in Chinese for what cannot be meant."""
    since, until = period(query)
    end, sort, recording = query.get("end", ""), query.get("sort", ""), query.get("recording", "")
    if end and end not in ENDS:
        raise InvalidInput(field="结束方式", reason="请从列表中选择。")
    score = query.get("score", "")
    if score and score not in SCORE_CHOICES:
        raise InvalidInput(field="评价", reason="请从列表中选择。")
    return CallFilter(
        since=since,
        until=until,
        line=query.get("line", "").strip()[:20],
        direction=query.get("direction", "") if query.get("direction") in {"in", "out"} else "",
        operator_id=read_key_if_any(query.get("operator", ""), "话务员"),
        unit_id=read_key_if_any(query.get("unit", ""), "部门"),
        number=_number(query),
        end=CallEnd(end) if end else None,
        score=int(score) if score else None,
        has_recording={"yes": True, "no": False}.get(recording),
        sort=sort if sort in SORTS else "-started",
    )


def period(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """`from` and `to` as instants: whole Beijing days, the last one included."""
    first = read_day_if_any(query.get("from", ""), "起始日期")
    last = read_day_if_any(query.get("to", ""), "截止日期")
    if first and last and first > last:
        raise InvalidInput(field="截止日期", reason="不能早于起始日期。")
    return midnight(first), midnight(last + timedelta(days=1) if last else None)


def midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), BEIJING) if day else None


def _number(query: Mapping[str, str]) -> str:
    text = query.get("number", "").strip()
    if text and not (text.isascii() and text.isdigit() and 3 <= len(text) <= 20):
        raise InvalidInput(field="来电号码", reason="请填写完整号码或后几位（至少3位数字）。")
    return text


def link(query: Mapping[str, str], **changes: str | int) -> str:
    """The same question with changes, as a query string without empty fields."""
    fields = {name: query.get(name, "") for name in FIELDS} | {k: str(v) for k, v in changes.items()}
    return "?" + urlencode({name: value for name, value in fields.items() if value})
