"""Opening hours (受理时间) as the public reads them: statutory working time for people, menus day and night (M-10)."""

from dataclasses import dataclass
from datetime import datetime

from core.calendar.workdays import Segment, WorkCalendar
from core.clock import beijing


@dataclass(frozen=True)
class Hours:
    is_open: bool
    """Operators answer now."""
    segments: tuple[str, ...]
    """Today's, like 8:30–12:00; none on a day off."""
    why: str
    """Why today is worked or not: 周一, 国庆节, 调休上班."""


def hours_at(calendar: WorkCalendar, now: datetime, region_code: str | None = None) -> Hours:
    today = beijing(now).date()
    segments = tuple(_text(segment) for segment in calendar.segments_on(today, region_code))
    return Hours(calendar.is_open(now, region_code), segments, calendar.day(today, region_code).why)


def _text(segment: Segment) -> str:
    return "–".join(f"{moment.hour}:{moment.minute:02}" for moment in (segment.opens, segment.closes))
