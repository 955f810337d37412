"""Values turned into prompts (播报): numbers, codes, dates and hours in the words a Mandarin speaker expects.

Pure: every function returns the prompt ids to play, one after the other. Knows nothing of files, engines or calls.
"""

import hashlib
from collections.abc import Iterable
from datetime import date, time

PAUSE = "pause"
MAX_NUMBER = 99_999_999

_PLACES = ((1000, "num-thousand"), (100, "num-hundred"), (10, "num-ten"))

Ids = list[str]


def digits(value: str, group: int = 4, *, yao: bool = True) -> Ids:
    """A code digit by digit, a pause after each `group` digits (查询码 4-4-4).

    1 is read 幺, as operators do, unless `yao` is false. Spaces and dashes are ignored; ValueError for anything
    else that is not an ASCII digit.
    """
    bare = value.replace(" ", "").replace("-", "")
    if not (bare.isascii() and bare.isdigit()):
        raise ValueError(value)
    ids: Ids = []
    for place, digit in enumerate(bare):
        if place and place % group == 0:
            ids.append(PAUSE)
        ids.append("num-yao" if yao and digit == "1" else f"num-{digit}")
    return ids


def number(value: int) -> Ids:
    """A whole number from 0 to 99,999,999 as a quantity: 十二, 一百零五, 两千零二十, 十万零一十."""
    if not 0 <= value <= MAX_NUMBER:
        raise ValueError(value)
    if value == 0:
        return ["num-0"]
    high, low = divmod(value, 10_000)
    if not high:
        return _below_wan(low, leading=True)
    head = ["num-liang"] if high == 2 else _below_wan(high, leading=True)
    if not low:
        return [*head, "num-wan"]
    return [*head, "num-wan", *(["num-0"] if low < 1000 else []), *_below_wan(low, leading=False)]


def count(value: int) -> Ids:
    """A number before a measure word: 两位, but 十二位."""
    return ["num-liang"] if value == 2 else number(value)


def _below_wan(value: int, *, leading: bool) -> Ids:
    """1 to 9999; a leading 一十 loses its 一, and 两 stands before 千 anywhere, before 百 at the front."""
    ids: Ids = []
    owed_zero = False
    for weight, place in _PLACES:
        digit = value // weight % 10
        if not digit:
            owed_zero = bool(ids)
            continue
        if owed_zero:
            ids.append("num-0")
            owed_zero = False
        first = leading and not ids
        if not (first and weight == 10 and digit == 1):
            liang = digit == 2 and (weight == 1000 or (weight == 100 and first))
            ids.append("num-liang" if liang else f"num-{digit}")
        ids.append(place)
    if value % 10:
        ids += ["num-0"] * owed_zero + [f"num-{value % 10}"]
    return ids


def month_day(on: date) -> Ids:
    """六月八日."""
    return [f"month-{on.month}", f"day-{on.day}"]


def full_date(on: date, today: date) -> Ids:
    """六月八日 within the current year, 二零二七年一月四日 otherwise."""
    if on.year == today.year:
        return month_day(on)
    return [*(f"num-{digit}" for digit in str(on.year)), "year", *month_day(on)]


def clock_time(at: time) -> Ids:
    """上午八点半, 下午两点零五分 (Beijing wall time)."""
    return [_period(at), *_hour_minute(at)]


def segments(spans: Iterable[tuple[time, time]]) -> Ids:
    """Opening hours 上午八点半到十二点, a pause between the spans; 今天不办公 when there are none."""
    ids: Ids = []
    for start, end in spans:
        if ids:
            ids.append(PAUSE)
        same_half = _period(end) == _period(start) or end == time(12)
        ids += [*clock_time(start), "until", *(_hour_minute(end) if same_half else clock_time(end))]
    return ids or ["closed-today"]


def _period(at: time) -> str:
    names = ((6, "early-morning"), (12, "morning"), (13, "noon"), (18, "afternoon"), (24, "evening"))
    return next(name for before, name in names if at.hour < before)


def _hour_minute(at: time) -> Ids:
    hour = f"hour-{at.hour if at.hour <= 12 else at.hour - 12}"
    if at.minute == 0:
        return [hour]
    if at.minute == 30:
        return [hour, "half"]
    return [hour, *(["num-0"] if at.minute < 10 else []), *number(at.minute), "minute"]


def staff_number(value: str) -> Ids:
    """工号幺零零幺为您服务."""
    return ["staff-number", *digits(value, group=len(value) or 1), "at-your-service"]


def position(place: int) -> Ids:
    """Where a caller stands in the queue: 您是下一位, 您现在排在第三位."""
    return ["position-next"] if place == 1 else ["position-prefix", *number(place), "position-suffix"]


def expected_wait(minutes: int) -> Ids:
    """预计等候时间约两分钟."""
    return ["queue-holdtime", *count(minutes), "queue-minutes"]


def state(name: str) -> Ids:
    """A ticket state of mission §5.4 (`FWD_REVIEW`, in either case) in spoken words."""
    return ["state-" + name.lower().replace("_", "-")]


def text(content: str) -> Ids:
    """Any sentence (an answer, a county): an id made from its content, for `prompts.ensure` to synthesise."""
    return [f"text-{hashlib.sha256(content.strip().encode()).hexdigest()[:16]}"]
