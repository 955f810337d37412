"""The entry's state table: what is legal, what is refused and with which sentence."""

from datetime import date

import pytest

from kb.errors import (
    EntryIncomplete,
    KbReasonMissing,
    Outdated,
    OwnCheck,
    OwnText,
    PersonalData,
    WrongState,
)
from kb.lifecycle import TABLE, Action, Actor, Facts, Guard, check, transition
from kb.models import EntryState

PAIRS = [(state, action) for state in (None, *EntryState) for action in Action]


@pytest.mark.parametrize(("state", "action"), PAIRS)
def test_every_pair_is_a_row_or_refused(state: EntryState | None, action: Action):
    """Each pair of state and action has exactly one row, or the refusal names the state in Chinese."""
    rows = [row for row in TABLE if (row.source, row.action) == (state, action)]
    if rows:
        assert [transition(state, action)] == rows
    else:
        with pytest.raises(WrongState, match="目前是"):
            transition(state, action)


def test_nothing_is_published_without_unit_and_secrecy():
    """The only way into published leads over both checks, each by its own role."""
    into = [row for row in TABLE if row.target == EntryState.PUBLISHED and row.source != EntryState.PUBLISHED]
    assert [(row.source, row.who) for row in into] == [(EntryState.SECRECY_CHECK, {Actor.SEC})]
    checked = [row for row in TABLE if row.target == EntryState.SECRECY_CHECK]
    assert [(row.source, Actor.LSN in row.who) for row in checked] == [(EntryState.UNIT_CHECK, False)]


@pytest.mark.parametrize(
    ("guard", "facts", "error"),
    [
        (Guard.COMPLETE, Facts(missing=("收费标准",)), EntryIncomplete),
        (Guard.IN_FORCE, Facts(last_day=date(2026, 5, 31), today=date(2026, 6, 1)), Outdated),
        (Guard.NO_PERSONAL_DATA, Facts(findings=("疑似手机号码",)), PersonalData),
        (Guard.NO_PERSONAL_DATA, Facts(findings=("疑似身份证号码",), has_id_card=True, is_checked=True), PersonalData),
        (Guard.HAS_REASON, Facts(), KbReasonMissing),
        (Guard.NOT_OWN_TEXT, Facts(actor_id=1, author_ids=frozenset({1, 2})), OwnText),
        (Guard.NOT_OWN_CHECK, Facts(actor_id=1, checker_id=1), OwnCheck),
    ],
)  # fmt: skip
def test_guards_refuse_with_their_own_error(guard: Guard, facts: Facts, error: type[Exception]):
    """Each condition that does not hold has its sentence."""
    with pytest.raises(error):
        check((guard,), facts)


def test_guards_let_good_facts_pass():
    """Another person, complete, in force, with suspicions looked at."""
    facts = Facts(
        actor_id=3, author_ids=frozenset({1}), checker_id=2, findings=("疑似姓名",), is_checked=True,
        last_day=date(2026, 6, 1), today=date(2026, 6, 1), reason="已核对",
    )  # fmt: skip
    check(tuple(Guard), facts)
