"""Values are spoken as a Mandarin speaker says them."""

import tomllib
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech import spoken

CATALOGUE = tomllib.loads(Path("dialplan/prompts.toml").read_text("utf-8"))["prompts"]
DIGIT = {word: value for value, word in enumerate("零一二三四五六七八九")} | {"两": 2}
PLACE = {"十": 10, "百": 100, "千": 1000}


def said(ids: list[str]) -> str:
    """The words of a list of prompts, pauses as blanks."""
    return "".join(" " if i == spoken.PAUSE else CATALOGUE[i]["text"].rstrip("。：") for i in ids)


def heard(words: str) -> int:
    """The number that a listener understands."""
    wan, section, digit = 0, 0, 0
    for word in words:
        if word == "万":
            wan, section, digit = section + digit, 0, 0
        elif word in PLACE:
            section, digit = section + (digit or 1) * PLACE[word], 0
        else:
            digit = DIGIT[word]
    return wan * 10_000 + section + digit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "零"),
        (2, "二"),
        (10, "十"),
        (12, "十二"),
        (20, "二十"),
        (22, "二十二"),
        (100, "一百"),
        (105, "一百零五"),
        (110, "一百一十"),
        (112, "一百一十二"),
        (200, "两百"),
        (222, "两百二十二"),
        (1000, "一千"),
        (1002, "一千零二"),
        (1020, "一千零二十"),
        (1024, "一千零二十四"),
        (1200, "一千二百"),
        (2020, "两千零二十"),
        (10_000, "一万"),
        (10_010, "一万零一十"),
        (10_500, "一万零五百"),
        (12_000, "一万两千"),
        (20_000, "两万"),
        (100_010, "十万零一十"),
        (120_000, "十二万"),
        (1_010_101, "一百零一万零一百零一"),
        (20_001_000, "两千万一千"),
        (22_222_222, "两千二百二十二万两千二百二十二"),
        (99_999_999, "九千九百九十九万九千九百九十九"),
    ],
)
def test_numbers_follow_the_rules_of_zero_ten_and_two(value: int, words: str) -> None:
    """零 stands once for a gap, a leading 一十 is 十, and 两 stands before 千 and 万."""
    assert words == said(spoken.number(value))


@given(st.integers(0, spoken.MAX_NUMBER))
def test_a_listener_hears_the_number_that_was_meant(value: int) -> None:
    """Parsing the spoken words gives the number back."""
    assert value == heard(said(spoken.number(value)))


@given(st.integers(0, spoken.MAX_NUMBER))
def test_zero_is_said_once_and_never_at_the_end(value: int) -> None:
    """No 零零, no 零 before a place word, none at the end of a number above zero."""
    words = said(spoken.number(value))
    assert "零零" not in words
    assert not any("零" + place in words for place in "十百千万")
    assert value == 0 or not words.endswith("零")


def test_every_small_number_is_unlike_every_other() -> None:
    """All of 0 to 20,000 sound different."""
    assert len({said(spoken.number(value)) for value in range(20_001)}) == 20_001


@pytest.mark.parametrize("value", [-1, 100_000_000])
def test_numbers_out_of_range_are_refused(value: int) -> None:
    """A number that cannot be spoken is an error, not a wrong number."""
    with pytest.raises(ValueError, match=str(value)):
        spoken.number(value)


def test_a_query_code_is_spoken_in_fours_with_yao() -> None:
    """查询码 is read 4-4-4, with 幺 for 1."""
    assert said(spoken.digits("572044198035")) == "五七二零 四四幺九 八零三五"
    assert spoken.digits("572044198035") == spoken.digits("5720 4419-8035")


@given(st.text("0123456789", min_size=1, max_size=20))
def test_digits_are_spoken_one_by_one_in_order(value: str) -> None:
    """Nothing is lost, nothing added, whatever the length."""
    words = said(spoken.digits(value)).replace(" ", "")
    assert value == "".join(str(DIGIT[word]) for word in words.replace("幺", "一"))


@pytest.mark.parametrize("value", ["12a4", "１２", "1²", "*#"])
def test_what_is_not_a_digit_is_refused(value: str) -> None:
    """A letter or a full-width digit never becomes a missing prompt."""
    with pytest.raises(ValueError, match=r".*"):
        spoken.digits(value)


def test_dates_leave_out_the_current_year() -> None:
    """六月八日 this year, with the year spelt out in another."""
    assert said(spoken.full_date(date(2026, 6, 8), today=date(2026, 1, 1))) == "六月八日"
    assert said(spoken.full_date(date(2027, 1, 21), today=date(2026, 12, 31))) == "二零二七年一月二十一日"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (time(0, 0), "凌晨零点"),
        (time(8, 30), "上午八点半"),
        (time(12, 0), "中午十二点"),
        (time(14, 5), "下午两点零五分"),
        (time(17, 45), "下午五点四十五分"),
        (time(22, 10), "晚上十点十分"),
    ],
)
def test_times_are_spoken_by_the_part_of_the_day(at: time, words: str) -> None:
    """The twelve-hour clock with 上午, 下午 and 半."""
    assert words == said(spoken.clock_time(at))


def test_opening_hours_name_the_part_of_the_day_once() -> None:
    """上午八点半到十二点, then the afternoon after a pause."""
    morning, afternoon = (time(8, 30), time(12)), (time(14, 30), time(17, 30))
    assert said(spoken.segments([morning, afternoon])) == "上午八点半到十二点 下午两点半到五点半"
    assert said(spoken.segments([(time(8, 30), time(17))])) == "上午八点半到下午五点"
    assert said(spoken.segments([])) == "今天不办公"


def test_people_staff_and_places_in_the_queue() -> None:
    """两位 before a measure word, 第二位 in an order."""
    assert said(spoken.count(2)) == "两" and said(spoken.count(12)) == "十二"
    assert said(spoken.position(2)) == "您现在排在第二位，请稍候"
    assert said(spoken.position(1)) == "您是下一位，请稍候"
    assert said(spoken.staff_number("1001")) == "工号幺零零幺为您服务"


@pytest.mark.parametrize(
    "state",
    [
        "NEW",
        "DISPATCH",
        "WORKING",
        "FWD_REVIEW",
        "REPLIED",
        "IN_COMPLAINT",
        "CLOSED",
        "VOID",
        "C_NEW",
        "C_WORKING",
        "C_REPLIED",
        "C_CLOSED",
        "C_REJECTED",
        "C_JUDICIAL",
    ],
)
def test_every_ticket_state_can_be_spoken(state: str) -> None:
    """Each state of mission §5.4 has a prompt."""
    assert spoken.state(state)[0] in CATALOGUE


@given(st.dates(), st.times())
def test_every_prompt_of_dates_and_times_exists(on: date, at: time) -> None:
    """No value leads to a prompt that is not in the catalogue."""
    ids = [*spoken.full_date(on, date(2026, 1, 1)), *spoken.clock_time(at)]
    assert [prompt for prompt in ids if prompt not in CATALOGUE] == []


def test_the_same_text_is_the_same_prompt() -> None:
    """But for blanks around it."""
    assert spoken.text("五华区") == spoken.text(" 五华区 ") != spoken.text("官渡区")
