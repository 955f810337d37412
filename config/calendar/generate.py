"""Writes cn.toml, the national working-day table (全国节假日和调休安排).

Run once a year, when the State Council has published the next year's arrangement and chinesecalendar has
taken it in (usually in December):

    .venv/bin/pip install --upgrade chinesecalendar lunardate
    .venv/bin/python config/calendar/generate.py

then read the difference before committing it. Published years come from chinesecalendar; the statutory days
expected in the following years (no 调休, they cannot be known) are reckoned from the lunar calendar by the
rule in force since 2025 (Regulation on Public Holidays: 13 days).
"""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import chinese_calendar
from chinese_calendar import constants
from lunardate import LunarDate

TARGET = Path(__file__).with_name("cn.toml")
EXPECTED_YEARS = 15
NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}
HEAD = """\
# 全国工作日表：法定节假日放假和调休上班安排。由 config/calendar/generate.py 生成，请勿手工修改；
# 年度安排公布后重新生成，或用 `hotline calendar import` 导入。
# [[year]]     已公布的年份：off 为放假日期（首日、末日、名称），make_up 为调休上班日期（日期、所属节日）。
# [[expected]] 尚未公布的年份：按《全国年节及纪念日放假办法》推算的法定节日，不含调休，只用于“暂定”期限。
"""


def spans(days: dict[date, str]) -> Iterator[tuple[date, date, str]]:
    """Runs of neighbouring days with one name."""
    numbered = enumerate(sorted(days.items()))
    for (_, name), run in groupby(numbered, key=lambda item: (item[1][0].toordinal() - item[0], item[1][1])):
        dates = [day for _, (day, _) in run]
        yield dates[0], dates[-1], name


def qingming(year: int) -> date:
    """The solar term of early April (formula for 2000–2099)."""
    return date(year, 4, int((year % 100) * 0.2422 + 4.81) - (year % 100) // 4)


def statutory(year: int) -> dict[date, str]:
    new_year = LunarDate(year, 1, 1).to_solar_date()
    days = {new_year + timedelta(days=offset): "春节" for offset in range(-1, 3)}
    days |= {date(year, 1, 1): "元旦", qingming(year): "清明节"}
    days |= {date(year, 5, day): "劳动节" for day in (1, 2)}
    days |= {date(year, 10, day): "国庆节" for day in (1, 2, 3)}
    days.setdefault(LunarDate(year, 5, 5).to_solar_date(), "端午节")
    days.setdefault(LunarDate(year, 8, 15).to_solar_date(), "中秋节")
    return days


def render() -> str:
    off = {day: NAMES[name] for day, name in constants.holidays.items()}
    make_up = {day: NAMES[name] for day, name in constants.workdays.items()}
    years = range(min(off).year, max(off).year + 1)
    lines = [HEAD, f'version = "cn-{years[-1]}"', f'source = "chinesecalendar {version()}"', ""]
    for year in years:
        lines += ["[[year]]", f"year = {year}", "off = ["]
        for first, last, name in spans({day: name for day, name in off.items() if day.year == year}):
            lines.append(f'    ["{first}", "{last}", "{name}"],')
        lines += ["]", "make_up = ["]
        lines += [f'    ["{day}", "{name}"],' for day, name in sorted(make_up.items()) if day.year == year]
        lines += ["]", ""]
    for year in range(years[-1] + 1, years[-1] + 1 + EXPECTED_YEARS):
        lines += ["[[expected]]", f"year = {year}", "off = ["]
        lines += [f'    ["{first}", "{last}", "{name}"],' for first, last, name in spans(statutory(year))]
        lines += ["]", ""]
    return "\n".join(lines)


def version() -> str:
    return str(chinese_calendar.__version__)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.name} written\n")
