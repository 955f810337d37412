"""An entry as the menu reads it out: hot answers as they stand, notices with their dates, long texts cut at a sentence."""

from datetime import date

from kb.models import Entry, EntryKind
from kb.spoken import LONGEST, REST, text_of, title_of


def test_a_hot_answer_is_read_as_it_stands() -> None:
    """Nothing is added; what ends without a full stop gets one."""
    entry = Entry(kind=EntryKind.FAQ, title="社保卡", answer="带身份证办理！", details={"basis": "某法"})
    assert (title_of(entry), text_of(entry)) == ("社保卡", "带身份证办理！")


def test_a_notice_says_its_sort_and_its_dates() -> None:
    """M-109: a hearing its day, place and sign-up way; dates as they are spoken."""
    details = {"notice": "hearing", "held_on": "2026-06-09", "place": "会议室", "sign_up": "来电"}
    entry = Entry(
        kind=EntryKind.NOTICE, title="水价", answer="欢迎参加", details=details, valid_to_on=date(2026, 6, 9)
    )
    assert title_of(entry) == "听证：水价"
    assert (
        text_of(entry)
        == "欢迎参加。听证日期：2026年6月9日。听证地点：会议室。报名方式：来电。截止日期：2026年6月9日。"
    )


def test_a_long_text_ends_with_a_sentence_and_says_where_the_rest_is() -> None:
    """Nobody listens for ten minutes."""
    entry = Entry(kind=EntryKind.NOTICE, title="长", answer="一句话。" * 200, details={"notice": "bulletin"})
    said = text_of(entry)
    assert said.endswith("一句话。" + REST)
    assert len(said) <= LONGEST + len(REST)
