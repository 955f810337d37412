"""The ticket's states (工单状态) and every legal move between them: the table of the mission's §5.4, pure.

Theory of operation. A ticket is in one state; an action moves it, or leaves it where it is when only a step
changes (extension, explanation). Every legal pair of state and action is one row of `TABLE`, with who may do it,
the guards that must hold and the rule it comes from. A pair without a row raises IllegalTransition and changes
nothing. This module does not know tickets, only states; the guards' conditions are in `tickets.guards`, the
periods in `tickets.clocks.deadlines`; the drawing in docs/tickets-lifecycle.md is generated from `TABLE`.

Parallel cases (M-129, rows P1…P5) are two tickets' ways coupled by guards: the case and each part are WORKING at once,
a part ends by T13, the case by P5 when no part is WORKING any more, and while the case is WORKING its lead may
send a part back or withdraw it.

Flags of a step (overdue, provisional, extended, explained, sealed, ping-pong) are no states.
"""

from dataclasses import dataclass
from enum import StrEnum

from core.errors import Conflict
from tickets.guards import Guard
from tickets.models import State


class Action(StrEnum):
    OPEN = "open"
    ANSWER_ON_SPOT = "answer_on_spot"
    FILL_IN = "fill_in"
    ASSIGN = "assign"
    SEND_TO_OFFICE = "send_to_office"
    VOID = "void"
    DISPATCH = "dispatch"
    DISPATCH_LEVEL = "dispatch_level"
    ASK_FORWARD = "ask_forward"
    FORWARD = "forward"
    FORWARD_TO_OFFICE = "forward_to_office"
    REFUSE_FORWARD = "refuse_forward"
    EXTEND = "extend"
    CHANGE_CLASS = "change_class"
    REPLY = "reply"
    ARCHIVE = "archive"
    COMPLAIN = "complain"
    SETTLE_COMPLAINT = "settle_complaint"
    REDO = "redo"
    REWORK = "rework"
    EXPLAIN = "explain"
    HOLD_ACCOUNTABLE = "hold_accountable"
    LODGE = "lodge"
    ACCEPT = "accept"
    REJECT = "reject"
    REPLY_TO_COMPLAINT = "reply_to_complaint"
    CLOSE_COMPLAINT = "close_complaint"
    TO_JUDICIARY = "to_judiciary"
    LEAD = "lead"
    INVOLVE = "involve"
    RETURN_PART = "return_part"
    WITHDRAW_PART = "withdraw_part"
    FINISH_CASE = "finish_case"


class Actor(StrEnum):
    """Who acts, in the mission's role codes."""

    PUB = "公众"
    IVR = "语音菜单"
    CHN = "其他渠道"
    OP = "话务员"
    LSN = "联络员"
    HEAD = "单位负责人"
    GOV = "政府办"
    MON = "监察"
    TIMER = "到期自动"


STATE_NAMES = {
    State.NEW: "已登记",
    State.DISPATCH: "待区分（政府办）",
    State.WORKING: "办理中",
    State.FWD_REVIEW: "转发待审核",
    State.REPLIED: "已答复",
    State.IN_COMPLAINT: "投诉处理中",
    State.CLOSED: "办结归档",
    State.VOID: "无效/并案/超范围",
    State.C_NEW: "投诉已登记",
    State.C_WORKING: "调查中",
    State.C_REPLIED: "投诉已答复",
    State.C_CLOSED: "投诉办结",
    State.C_REJECTED: "不予受理",
    State.C_JUDICIAL: "移交司法",
}
FINAL = frozenset({State.VOID, State.C_CLOSED, State.C_REJECTED, State.C_JUDICIAL})
"""Nothing leaves these."""
REPLIED_STATES = frozenset({State.REPLIED, State.CLOSED, State.IN_COMPLAINT})
"""The reply is finished and can be read, rated and (once at a time) complained about."""
UNDER_CLOCK = frozenset(
    {State.NEW, State.DISPATCH, State.WORKING, State.FWD_REVIEW, State.C_NEW, State.C_WORKING}
)
"""A step may be open in these."""


class IllegalTransition(Conflict):
    """The ticket is not in a state that allows this; `state` and `action` say which pair."""

    code = "illegal_transition"
    text = "工单目前为“{state_name}”，不能进行这项操作，请刷新后核对。"

    def __init__(self, state: State | None, action: Action) -> None:
        name = STATE_NAMES[state] if state else "尚未登记"
        super().__init__(state=state, action=action, state_name=name)


@dataclass(frozen=True)
class Transition:
    rule: str
    """Row of §5.4."""
    action: Action
    source: State | None
    target: State
    who: frozenset[Actor]
    guards: tuple[Guard, ...]
    basis: str
    """The requirement and its words in the source; [I] marks our own reading."""


def transition(state: State | None, action: Action) -> Transition:
    """The one row for this pair; raises IllegalTransition when there is none."""
    try:
        return _BY_PAIR[state, action]
    except KeyError:
        raise IllegalTransition(state, action) from None


def _rows(
    rule: str,
    action: Action,
    pairs: dict[State | None, State],
    who: set[Actor],
    guards: tuple[Guard, ...],
    basis: str,
) -> list[Transition]:
    return [Transition(rule, action, old, new, frozenset(who), guards, basis) for old, new in pairs.items()]


def _staying(states: frozenset[State]) -> dict[State | None, State]:
    return {state: state for state in sorted(states)}


_OPEN_STATES = UNDER_CLOCK

TABLE: tuple[Transition, ...] = (
    *_rows(
        "T1", Action.OPEN, {None: State.NEW}, {Actor.OP, Actor.IVR, Actor.PUB, Actor.CHN},
        (Guard.HAS_ORIGIN,),
        "M-47 「提问时获取的“查询码”」",
    ),
    *_rows(
        "T2", Action.ANSWER_ON_SPOT, {State.NEW: State.CLOSED}, {Actor.OP, Actor.LSN},
        (Guard.HAS_ANSWER,),
        "M-36 「能回复或者解答的及时给予回复或者解答」；M-27 「应告知查询人其他查询的方式、程序等信息」",
    ),
    *_rows(
        "T2b", Action.FILL_IN, {State.WORKING: State.CLOSED}, {Actor.LSN, Actor.OP},
        (Guard.BY_HOLDER, Guard.UNIT_TOOK_CALL, Guard.HAS_ANSWER),
        "M-33 「负责解答96128话务员转接的涉及本部门工作职能的公众查询事项」",
    ),
    *_rows(
        "T3", Action.ASSIGN, {State.NEW: State.WORKING}, {Actor.OP, Actor.IVR, Actor.LSN, Actor.PUB, Actor.CHN},
        (Guard.UNIT_IN_SERVICE, Guard.UNIT_OF_REGION),
        "M-03 「所有查询立足于本级解决」；M-31 「各部门联络员为首问责任人」",
    ),
    *_rows(
        "T4", Action.SEND_TO_OFFICE, {State.NEW: State.DISPATCH}, {Actor.OP, Actor.IVR, Actor.PUB, Actor.CHN},
        (Guard.HAS_REASON,),
        "M-25 「专线话务人员无法明确转接部门的查询信息,由市、县(区)政府办统一区分并转交或分发」",
    ),
    *_rows(
        "T5", Action.VOID, {State.NEW: State.VOID}, {Actor.OP},
        (Guard.HAS_REASON, Guard.GUIDED_IF_OUT_OF_SCOPE, Guard.OTHER_IF_DUPLICATE),
        "M-19 「避免公众把96128作为日常事务的查询电话」",
    ),
    *_rows(
        "T6", Action.DISPATCH, {State.DISPATCH: State.WORKING}, {Actor.GOV},
        (Guard.BY_HOLDER, Guard.UNIT_IN_SERVICE, Guard.UNIT_OF_REGION, Guard.DESIGNATED_IF_DECLINED),
        "M-40 「由各级人民政府办公厅(室)统一区分并转交或者分发」",
    ),
    *_rows(
        "T7", Action.DISPATCH_LEVEL, {State.DISPATCH: State.DISPATCH}, {Actor.GOV},
        (Guard.BY_HOLDER, Guard.HAS_LONG_REASON, Guard.ADJACENT_LEVEL, Guard.NOT_OWN_REQUEST),
        "M-45 「每级政府办转发处理时限为5个工作日」；M-38 「转发时必须填写“转发理由”,并经审核后方可转发」",
    ),
    *_rows(
        "T8", Action.ASK_FORWARD, {State.WORKING: State.FWD_REVIEW}, {Actor.LSN},
        (
            Guard.NOT_PARALLEL, Guard.BY_HOLDER, Guard.HAS_LONG_REASON, Guard.FORWARD_TARGET, Guard.OWN_PART_IF_JOINT,
            Guard.DESIGNATED_IF_DECLINED,
        ),
        "M-37 「可转发至同级政府办」；M-39 「再转交下一相关部门继续进行回复处理」；M-38 「必须填写“转发理由”」",
    ),
    *_rows(
        "T9", Action.FORWARD, {State.FWD_REVIEW: State.WORKING}, {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.NOT_OWN_REQUEST, Guard.UNIT_IN_SERVICE),
        "M-38 「经审核后方可转发」；M-44 「其中每个部门办理时限按照上述标准办理」",
    ),
    *_rows(
        "T9", Action.FORWARD_TO_OFFICE, {State.FWD_REVIEW: State.DISPATCH}, {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.NOT_OWN_REQUEST),
        "M-38 「经审核后方可转发」；M-45 「每级政府办转发处理时限为5个工作日」",
    ),
    *_rows(
        "T10", Action.REFUSE_FORWARD, {State.FWD_REVIEW: State.WORKING}, {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.NOT_OWN_REQUEST, Guard.HAS_REASON),
        "M-38 「经审核后方可转发」[I] 退回须说明理由，时限照算",
    ),
    *_rows(
        "T11", Action.EXTEND, {State.WORKING: State.WORKING, State.C_WORKING: State.C_WORKING}, {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.NOT_OWN_REQUEST, Guard.HAS_REASON, Guard.EXTENDABLE),
        "M-42 「情况特殊的,经本单位负责人同意后可延长到20个工作日」；M-43 「可延长到30个工作日」",
    ),
    *_rows(
        "T12", Action.CHANGE_CLASS, {State.WORKING: State.WORKING}, {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.NOT_OWN_REQUEST, Guard.CLASS_CHANGEABLE),
        "M-41 「一般性问题在5个工作日内办结回复,重要复杂问题在10个工作日内回复」",
    ),
    *_rows(
        "T13", Action.REPLY, {State.WORKING: State.REPLIED}, {Actor.LSN},
        (Guard.BY_HOLDER, Guard.HAS_ANSWER),
        "M-36 「属于本单位职权、职责范围的提问,能回复或者解答的及时给予回复或者解答」",
    ),
    *_rows(
        "T14", Action.ARCHIVE, {State.REPLIED: State.CLOSED}, {Actor.TIMER},
        (Guard.RATED_OR_QUIET,),
        "M-62 「答复满意率」[I] 已评价，或 15 个工作日内无投诉",
    ),
    *_rows(
        "T15", Action.COMPLAIN,
        {State.REPLIED: State.IN_COMPLAINT, State.CLOSED: State.IN_COMPLAINT}, {Actor.PUB},
        (),
        "M-48 「如果提问人对回复结果不满意,可根据提问时获取的“查询码”对问题回复进行投诉」",
    ),
    *_rows(
        "T16", Action.SETTLE_COMPLAINT, {State.IN_COMPLAINT: State.REPLIED}, {Actor.MON},
        (Guard.COMPLAINT_FINISHED,),
        "M-49 「将调查情况、处理意见和办理结果对投诉人进行回复」",
    ),
    *_rows(
        "T17", Action.REDO, {State.IN_COMPLAINT: State.WORKING}, {Actor.MON},
        (Guard.COMPLAINT_FINISHED, Guard.UNIT_IN_SERVICE),
        "M-49 「处理意见」[I] 投诉属实、责成重办",
    ),
    *_rows(
        "T20", Action.REWORK, {State.REPLIED: State.WORKING, State.CLOSED: State.WORKING}, {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.UNIT_IN_SERVICE, Guard.HAS_REASON),
        "M-63 「对回复结果不满意」[I] 负责人复核后由本单位重新办理",
    ),
    *_rows(
        "T18", Action.EXPLAIN, _staying(_OPEN_STATES), {Actor.HEAD},
        (Guard.BY_HOLDER, Guard.IS_OVERDUE, Guard.HAS_REASON),
        "M-51 「不能按期回复的,责任单位应及时向监督管理部门说明情况,并公开回复说明」",
    ),
    *_rows(
        "T19", Action.HOLD_ACCOUNTABLE, _staying(_OPEN_STATES), {Actor.MON},
        (Guard.IS_OVERDUE, Guard.UNEXPLAINED, Guard.HAS_REASON),
        "M-52 「对逾期未办,又未说明情况的,由监察机关进行问责」",
    ),
    *_rows(
        "C1", Action.LODGE, {None: State.C_NEW}, {Actor.PUB, Actor.IVR, Actor.OP, Actor.CHN},
        (Guard.HAS_ORIGIN,),
        "M-50 「受理并及时调查处理群众针对政务信息查询提出的举报投诉」；M-43 「投诉的办理时限为15个工作日」",
    ),
    *_rows(
        "C1", Action.ACCEPT, {State.C_NEW: State.C_WORKING}, {Actor.MON},
        (Guard.BY_HOLDER, Guard.NOT_PARTY),
        "M-48 「投诉由监察管理部门受理」",
    ),
    *_rows(
        "C2", Action.REJECT, {State.C_NEW: State.C_REJECTED}, {Actor.MON},
        (Guard.BY_HOLDER, Guard.NOT_PARTY, Guard.HAS_REASON),
        "M-48 「根据实际情况」[I] 不予受理须告知投诉人理由",
    ),
    *_rows(
        "C3", Action.REPLY_TO_COMPLAINT, {State.C_WORKING: State.C_REPLIED}, {Actor.MON},
        (Guard.BY_HOLDER, Guard.NOT_PARTY, Guard.THREE_PARTS),
        "M-49 「将调查情况、处理意见和办理结果对投诉人进行回复」",
    ),
    *_rows(
        "C3", Action.CLOSE_COMPLAINT, {State.C_REPLIED: State.C_CLOSED}, {Actor.TIMER, Actor.MON},
        (),
        "M-49 [I] 答复后归档",
    ),
    *_rows(
        "C4", Action.TO_JUDICIARY, {State.C_WORKING: State.C_JUDICIAL}, {Actor.MON, Actor.HEAD},
        (Guard.BY_HOLDER, Guard.NOT_PARTY, Guard.NOT_OWN_REQUEST, Guard.RECIPIENT_AND_PAPERS),
        "M-53 「涉及犯罪的,移交司法机关依法追究刑事责任」",
    ),
    *_rows(
        "P1", Action.LEAD, {None: State.WORKING}, {Actor.LSN},
        (Guard.HAS_ORIGIN,),
        "M-129 「积极推行并联审批」「发改、工商等部门…切实发挥好牵头作用」",
    ),
    *_rows(
        "P2", Action.INVOLVE, {None: State.WORKING}, {Actor.LSN},
        (Guard.HAS_ORIGIN,),
        "M-129 「其他相关部门要密切合作」[I] 各单位同时办理，各自计时",
    ),
    *_rows(
        "P3", Action.RETURN_PART, {State.REPLIED: State.WORKING, State.CLOSED: State.WORKING}, {Actor.LSN},
        (Guard.BY_HOLDER, Guard.CASE_RUNS, Guard.HAS_REASON),
        "M-129 「协调办理」[I] 牵头单位退回补充，另起时限",
    ),
    *_rows(
        "P4", Action.WITHDRAW_PART, {State.WORKING: State.VOID}, {Actor.LSN},
        (Guard.BY_HOLDER, Guard.CASE_RUNS, Guard.HAS_REASON),
        "M-129 「协调办理」[I] 牵头单位撤回误分的事项",
    ),
    *_rows(
        "P5", Action.FINISH_CASE, {State.WORKING: State.REPLIED}, {Actor.LSN},
        (Guard.BY_HOLDER, Guard.HAS_ANSWER, Guard.PARTS_DONE),
        "M-129 「并联审批」[I] 各单位均办结后由牵头单位汇总答复",
    ),
)  # fmt: skip
_BY_PAIR = {(row.source, row.action): row for row in TABLE}
