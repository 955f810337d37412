"""The ticket's states: a walk over every legal and every forbidden pair, and every guard."""

import itertools

import pytest

from core.errors import HotlineError
from tickets import guards
from tickets.guards import Facts, Guard, GuardFailed, NotHolder, OwnRequest, TooLate, check
from tickets.lifecycle import FINAL, STATE_NAMES, TABLE, Action, IllegalTransition, transition
from tickets.models import State

LEGAL = {(row.source, row.action): row.target for row in TABLE}
EXPECTED = """
T1  -            open               NEW
T2  NEW          answer_on_spot     CLOSED
T2b WORKING      fill_in            CLOSED
T3  NEW          assign             WORKING
T4  NEW          send_to_office     DISPATCH
T5  NEW          void               VOID
T6  DISPATCH     dispatch           WORKING
T7  DISPATCH     dispatch_level     DISPATCH
T8  WORKING      ask_forward        FWD_REVIEW
T9  FWD_REVIEW   forward            WORKING
T9  FWD_REVIEW   forward_to_office  DISPATCH
T10 FWD_REVIEW   refuse_forward     WORKING
T11 WORKING      extend             WORKING
T11 C_WORKING    extend             C_WORKING
T12 WORKING      change_class       WORKING
T13 WORKING      reply              REPLIED
T14 REPLIED      archive            CLOSED
T15 REPLIED      complain           IN_COMPLAINT
T15 CLOSED       complain           IN_COMPLAINT
T16 IN_COMPLAINT settle_complaint   REPLIED
T17 IN_COMPLAINT redo               WORKING
T20 REPLIED      rework             WORKING
T20 CLOSED       rework             WORKING
C1  -            lodge              C_NEW
C1  C_NEW        accept             C_WORKING
C2  C_NEW        reject             C_REJECTED
C3  C_WORKING    reply_to_complaint C_REPLIED
C3  C_REPLIED    close_complaint    C_CLOSED
C4  C_WORKING    to_judiciary       C_JUDICIAL
P1  -            lead               WORKING
P2  -            involve            WORKING
P3  REPLIED      return_part        WORKING
P3  CLOSED       return_part        WORKING
P4  WORKING      withdraw_part      VOID
P5  WORKING      finish_case        REPLIED
"""
STAYING = {"explain": "T18", "hold_accountable": "T19"}
PAIRS = list(itertools.product([None, *State], Action))


def test_the_table_is_the_missions():
    """Every row of §5.4 is there with its number, besides the five of parallel cases (M-129), and nothing else."""
    written = {
        (row.rule, row.source or "-", str(row.action), str(row.target))
        for row in TABLE
        if row.action not in STAYING
    }
    assert written == {tuple(line.split()) for line in EXPECTED.strip().splitlines()}
    for row in TABLE:
        if row.action in STAYING:
            assert (row.rule, row.source) == (STAYING[row.action], row.target)


@pytest.mark.parametrize(("state", "action"), PAIRS)
def test_every_pair_is_a_row_or_refused(state: State | None, action: Action):
    """A pair with a row leads where the row says; any other raises with a Chinese sentence naming the state."""
    if (state, action) in LEGAL:
        assert transition(state, action).target == LEGAL[state, action]
        return
    with pytest.raises(IllegalTransition) as refused:
        transition(state, action)
    assert refused.value.status == 409
    assert (STATE_NAMES[state] if state else "尚未登记") in refused.value.message


def test_the_forbidden_moves_the_mission_names():
    """§5.4: complaint before the reply, forwarding under review, void while working, two complaints at once."""
    forbidden = [(s, Action.COMPLAIN) for s in State if s not in {State.REPLIED, State.CLOSED}]
    forbidden += [(State.FWD_REVIEW, Action.ASK_FORWARD), (State.FWD_REVIEW, Action.REPLY)]
    forbidden += [(s, Action.VOID) for s in State if s != State.NEW]
    legal = {(row.source, row.action) for row in TABLE}
    for state, action in forbidden:
        assert (state, action) not in legal


def test_nothing_leaves_a_final_state():
    """Void, closed complaint, rejected and handed to the judiciary are ends; every other state has a way on."""
    assert {row.source for row in TABLE} - {None} == set(State) - FINAL


def test_every_state_can_be_reached():
    """From nothing every state can be reached by legal moves."""
    reached, wave = set(), {None}
    while wave:
        wave = {row.target for row in TABLE if row.source in wave} - reached
        reached |= wave
    assert reached == set(State)


def test_every_row_names_people_and_source():
    """Who may do it and the rule's words stand beside each row."""
    for row in TABLE:
        assert row.who
        assert "「" in row.basis or "[I]" in row.basis


GOOD = Facts(
    actor_id=1, actor_unit_id=10, requester_id=2, holder_unit_id=10, line="96128", has_content=True, answer="答",
    guidance="途径", reason="理由足够长", other_ticket_id=5, call_unit_id=10, target_unit_id=11,
    target_in_service=True, target_in_region=True, target_is_own_office=True, target_is_adjacent_office=True,
    own_part="部分", category="社保", may_extend=True, may_change_class=True, is_rated_or_quiet=True,
    parts_done=True, case_runs=True,
    complaint_is_finished=True, is_overdue=True, is_unexplained=True, findings="查", opinion="处", result="果",
    recipient="检察院", papers="清单",
)  # fmt: skip
BAD = [
    (Guard.HAS_ORIGIN, {"line": ""}, GuardFailed),
    (Guard.HAS_ORIGIN, {"has_content": False}, GuardFailed),
    (Guard.HAS_ANSWER, {"answer": "", "guidance": ""}, GuardFailed),
    (Guard.HAS_REASON, {"reason": ""}, GuardFailed),
    (Guard.HAS_LONG_REASON, {"reason": "四个字呀"}, GuardFailed),
    (Guard.GUIDED_IF_OUT_OF_SCOPE, {"is_out_of_scope": True, "guidance": ""}, GuardFailed),
    (Guard.OTHER_IF_DUPLICATE, {"is_duplicate": True, "other_ticket_id": None}, GuardFailed),
    (Guard.BY_HOLDER, {"actor_unit_id": 99}, NotHolder),
    (Guard.BY_HOLDER, {"actor_unit_id": None, "holder_unit_id": None}, NotHolder),
    (Guard.UNIT_TOOK_CALL, {"call_unit_id": 99}, GuardFailed),
    (Guard.UNIT_TOOK_CALL, {"call_unit_id": None, "holder_unit_id": None}, GuardFailed),
    (Guard.UNIT_IN_SERVICE, {"target_in_service": False}, GuardFailed),
    (Guard.UNIT_OF_REGION, {"target_in_region": False}, GuardFailed),
    (Guard.DESIGNATED_IF_DECLINED, {"target_declined": True}, GuardFailed),
    (Guard.ADJACENT_LEVEL, {"target_is_adjacent_office": False}, GuardFailed),
    (Guard.NOT_OWN_REQUEST, {"requester_id": 1}, OwnRequest),
    (Guard.NOT_OWN_REQUEST, {"actor_id": None, "requester_id": None}, OwnRequest),
    (Guard.FORWARD_TARGET, {"target_is_own_office": False}, GuardFailed),
    (
        Guard.FORWARD_TARGET,
        {"target_is_own_office": False, "is_joint": True, "target_unit_id": 10},
        GuardFailed,
    ),
    (
        Guard.FORWARD_TARGET,
        {"target_is_own_office": False, "is_joint": True, "target_in_service": False},
        GuardFailed,
    ),
    (Guard.OWN_PART_IF_JOINT, {"is_joint": True, "own_part": ""}, GuardFailed),
    (Guard.OWN_PART_IF_JOINT, {"is_joint": True, "category": ""}, GuardFailed),
    (Guard.NOT_PARALLEL, {"is_parallel": True}, GuardFailed),
    (Guard.PARTS_DONE, {"parts_done": False}, GuardFailed),
    (Guard.CASE_RUNS, {"case_runs": False}, GuardFailed),
    (Guard.EXTENDABLE, {"may_extend": False}, TooLate),
    (Guard.CLASS_CHANGEABLE, {"may_change_class": False}, TooLate),
    (Guard.RATED_OR_QUIET, {"is_rated_or_quiet": False}, GuardFailed),
    (Guard.COMPLAINT_FINISHED, {"complaint_is_finished": False}, GuardFailed),
    (Guard.IS_OVERDUE, {"is_overdue": False}, GuardFailed),
    (Guard.UNEXPLAINED, {"is_unexplained": False}, GuardFailed),
    (Guard.NOT_PARTY, {"party_unit_ids": frozenset({10})}, GuardFailed),
    (Guard.NOT_PARTY, {"party_user_ids": frozenset({1})}, GuardFailed),
    (Guard.THREE_PARTS, {"findings": ""}, GuardFailed),
    (Guard.THREE_PARTS, {"opinion": ""}, GuardFailed),
    (Guard.THREE_PARTS, {"result": ""}, GuardFailed),
    (Guard.RECIPIENT_AND_PAPERS, {"recipient": ""}, GuardFailed),
    (Guard.RECIPIENT_AND_PAPERS, {"papers": ""}, GuardFailed),
]


@pytest.mark.parametrize("guard", Guard)
def test_every_guard_lets_the_right_case_through(guard: Guard):
    """With all facts right no guard objects."""
    check((guard,), GOOD)


@pytest.mark.parametrize(("guard", "wrong", "error"), BAD)
def test_every_guard_stops_the_wrong_case(guard: Guard, wrong: dict[str, object], error: type[HotlineError]):
    """One fact wrong and the guard refuses in Chinese."""
    facts = Facts(**{**GOOD.__dict__, **wrong})
    with pytest.raises(error) as refused:
        check((guard,), facts)
    assert "{" not in refused.value.message


def test_a_joint_reply_may_go_to_the_next_unit():
    """M-39: with the own part written the next target may be a unit, not only the office."""
    facts = Facts(**{**GOOD.__dict__, "target_is_own_office": False, "is_joint": True})
    check((Guard.FORWARD_TARGET, Guard.OWN_PART_IF_JOINT), facts)


def test_no_guard_is_forgotten():
    """Every guard has a check, a wrong case here, and stands beside some row."""
    assert set(guards._CHECKS) == set(Guard) == {guard for guard, _, _ in BAD}
    assert {guard for row in TABLE for guard in row.guards} == set(Guard)
