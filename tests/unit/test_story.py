"""The story of a call from its ledger: sentences, legs, lanes, and where the audio belongs."""

from support.ledgers import LIAISON, OPERATOR, UNIT, at, attended_transfer, lines

from recordings import ledger
from recordings.call_story import lanes, story, timeline
from recordings.call_story.lanes import Lane
from recordings.call_story.legs import legs_of

NAMES = story.Names(users={OPERATOR: "101号 王芳", LIAISON: "李强"}, units={UNIT: "市公安局"})


def test_story_is_readable_chinese_with_offsets():
    """Every line becomes a sentence with its distance from the beginning."""
    told = [(entry.offset_ms, entry.text) for entry in story.tell(attended_transfer(), NAMES)]
    assert (9000, "主菜单：按键 0") in told
    assert (10000, "进入人工排队，第1位") in told
    assert (16000, "101号 王芳（分机1001）接听，等待0:06") in told
    assert (36000, "咨询后转接至市公安局") in told
    assert (41000, "市公安局李强（分机2001）接听") in told
    assert (96000, "评价话务员服务：满意") in told
    assert (100000, "评价部门答复：未评价") in told
    assert told[-1] == (102000, "通话结束（结束语）：来电人挂机")


def test_a_hang_up_is_told_in_words():
    """Asterisk's own numbers for the end of a call stay out of the story."""
    told = [story.sentence(lines((0, "ended", {"cause": cause}))[0], NAMES) for cause in ("16", "0", "3")]
    assert told == ["通话结束：正常挂机", "通话结束：挂机", "通话结束：挂机"]


def test_every_kind_of_the_ledger_has_words():
    """No kind is shown by its English name, even with no data at all."""
    for kind in ledger.KINDS:
        text = story.sentence(lines((0, kind, {}))[0], NAMES)
        assert text != kind
        assert text.isascii() is False


def test_legs_name_who_answered_for_whom():
    """The operator's and the liaison's telephone are one leg each, with role, unit and times."""
    operator, liaison = legs_of(attended_transfer())
    assert (operator.user_id, operator.role, operator.unit_id) == (OPERATOR, "operator", None)
    assert (operator.offered_at, operator.answered_at, operator.left_at) == (at(11), at(16), at(51))
    assert (liaison.user_id, liaison.role, liaison.unit_id) == (LIAISON, "liaison", UNIT)
    assert (liaison.offered_at, liaison.answered_at, liaison.left_at) == (at(36), at(41), at(81))


def test_a_ring_without_answer_is_a_leg_of_its_own():
    """An operator who did not answer and then did when rung again leaves two legs."""
    rung = {"extension": "1001", "user": OPERATOR}
    first, second = legs_of(
        lines(
            (0, "arrived", {}),
            (1, "offered", rung),
            (16, "no_answer", {**rung, "why": "timeout"}),
            (17, "offered", rung),
            (20, "answered", {**rung, "role": "operator"}),
            (30, "ended", {}),
        )
    )
    assert (first.outcome, first.answered_at) == ("timeout", None)
    assert (second.outcome, second.answered_at, second.left_at) == ("answered", at(20), at(30))


def test_lanes_show_each_part_of_the_call():
    """Menu, queue, ring, talk, consultation, liaison and survey are stretches on their lanes."""
    found = {(s.lane, s.from_at, s.until_at) for s in lanes.segments(attended_transfer())}
    assert found == {
        (Lane.MENU, at(0), at(10)),
        (Lane.QUEUE, at(10), at(16)),
        (Lane.RING, at(11), at(16)),
        (Lane.RING, at(36), at(41)),
        (Lane.TALK, at(16), at(36)),
        (Lane.CONSULT, at(41), at(51)),
        (Lane.LIAISON, at(51), at(81)),
        (Lane.SURVEY, at(81.2), at(102)),
    }


def test_a_hold_is_a_lane_of_its_own():
    """The caller on hold is drawn below the talk and does not cut it."""
    found = lanes.segments(
        lines(
            (0, "arrived", {}),
            (1, "bridged", {}),
            (5, "held", {"by": "1001"}),
            (9, "resumed", {}),
            (20, "ended", {}),
        )
    )
    assert [(s.lane, s.from_at, s.until_at) for s in found if s.lane is not Lane.MENU] == [
        (Lane.TALK, at(1), at(20)),
        (Lane.HOLD, at(5), at(9)),
    ]


def test_offsets_run_through_the_bridged_time_only():
    """20 s into the recording the caller is already with the liaison, 51 s after the call began."""
    spans = timeline.bridged_spans(attended_transfer())
    assert [(s.from_at, s.until_at) for s in spans] == [(at(16), at(36)), (at(51), at(81))]


def test_a_units_part_of_the_audio_is_its_own_talk():
    """The liaison's unit finds its 30 s, another unit nothing."""
    spans = timeline.bridged_spans(attended_transfer())
    assert timeline.offsets_of_unit(spans, UNIT) == [(20_000, 50_000)]
    assert timeline.offsets_of_unit(spans, UNIT + 1) == []


def test_joined_to_the_next_without_a_pause():
    """A second bridge without an end of the first closes the first there."""
    spans = timeline.bridged_spans(
        lines((0, "arrived", {}), (1, "bridged", {}), (4, "bridged", {}), (9, "ended", {}))
    )
    assert [s.ms for s in spans] == [3000, 5000]


def test_an_empty_ledger_breaks_nothing():
    """A call without a single line has no story, no lanes, no audio."""
    assert story.tell([]) == []
    assert lanes.segments([]) == []
    assert timeline.bridged_spans([]) == []
    assert legs_of([]) == []
