"""Text, sounds and queries of the knowledge base, without any database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.searching import pinyin, query, synonyms, text


def test_traditional_full_width_and_case_meet():
    """What is typed in traditional characters or full width reads like the simplified entry."""
    assert text.normalise("身份證（遺失）ＥＴＣ") == "身份证 遗失 etc"


@given(
    st.text(st.sampled_from("社會保险證a1Ａ１，（」…～㎡①é \n龜") | st.characters(codec="utf-8"), max_size=20)
)
def test_every_text_has_the_same_normal_form_by_either_way(written: str):
    """The short cut for ordinary texts gives what the whole way gives."""
    assert text.normalise(f"{written} ㎡") == f"{text.normalise(written)} m2".strip()


def test_greetings_are_dropped_but_never_the_whole_query():
    """A polite opening is no search word; alone it stays."""
    assert text.normalise_query("您好，我想咨询一下社保转移") == "社保转移"
    assert text.normalise_query("你好") == "你好"


def test_polyphones_are_read_as_in_their_word():
    """银行 is yin hang and 行政 is xing zheng."""
    assert pinyin.sounded("银行")[1] == ["yin", "hang"]
    assert pinyin.sounded("行政")[1] == ["xing", "zheng"]


def test_units_and_sounds_stand_side_by_side():
    """Each character has its syllable; other runs and breaks stand for themselves."""
    parts, sounds = pinyin.sounded(text.normalise("ETC办理、a级"))
    assert parts == ["etc", "办", "理", "|", "a", "级"]
    assert sounds == ["etc", "ban", "li", "|", "a", "ji"]


@pytest.mark.parametrize(
    ("letters", "reading"),
    [("gongjijin", ("gong", "ji", "jin")), ("gongjij", ("gong", "ji", "j")), ("xian", ("xian",))],
)
def test_letters_split_into_syllables(letters: str, reading: tuple[str, ...]):
    """The likeliest reading comes first, and its last syllable may be unfinished."""
    assert pinyin.readings(letters)[0] == reading


def test_initials_are_no_reading():
    """gjj is no pinyin; only first letters fit it."""
    assert pinyin.readings("gjj") == ()


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", max_size=80))
def test_any_letters_are_read_quickly_and_whole(letters: str):
    """Every reading spells exactly what was typed."""
    assert all("".join(way) == letters for way in pinyin.readings(letters))
    assert len(pinyin.readings(letters)) <= pinyin.MOST_READINGS


@given(st.text(max_size=60))
def test_any_text_can_be_taken_apart(typed: str):
    """No input breaks the parser, and units and sounds keep step."""
    asked = query.parse(typed, {})
    assert len(asked.units) == len(asked.sounds)


def test_function_words_alone_count_in_full():
    """A query of nothing but function words is still a query."""
    assert set(query.parse("怎么", {}).words.values()) == {1.0}
    assert query.parse("怎么落户", {}).words["怎么"] == query.FUNCTION_WEIGHT


def test_the_longest_saying_wins():
    """身份证丢了 is looked up whole before its parts."""
    words = query.parse("身份证丢了", {"丢了": ["遗失"], "身份证丢了": ["居民身份证 补领"]}).words
    assert words["补领"] == query.SYNONYM_WEIGHT
    assert "遗失" not in words


def test_a_typed_word_keeps_its_weight_beside_a_synonym():
    """Synonyms add, they never replace what was typed."""
    words = query.parse("社保", {"社保": ["社保 社会保险"]}).words
    assert words["社保"] == 1.0


def test_the_shipped_list_is_normal_and_short_enough_to_be_found():
    """Every saying of the shipped list can be met by the look-up."""
    pairs = synonyms.shipped()
    assert len(pairs) > 1000
    assert all(say == text.normalise(say) and 0 < len(say) <= query.LONGEST_SYNONYM for say, _ in pairs)
