"""The conditions (办理条件) that stand beside the rows of `tickets.lifecycle`: pure, one function each.

A guard looks at the `Facts` that a service put together and refuses with one Chinese sentence; it fetches nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.errors import Conflict, HotlineError, NotAllowed

SHORTEST_FORWARD_REASON = 5


class Guard(StrEnum):
    HAS_ORIGIN = "有专线、渠道，并有内容或录音"
    HAS_ANSWER = "有答复，或已告知其他查询方式、程序"
    HAS_REASON = "有理由"
    HAS_LONG_REASON = "转发理由不少于 5 个字"
    GUIDED_IF_OUT_OF_SCOPE = "超出范围的须告知办理途径"
    OTHER_IF_DUPLICATE = "并案须指明另一工单"
    BY_HOLDER = "由承办单位办理"
    UNIT_TOOK_CALL = "通话记录显示该单位已接听"
    UNIT_IN_SERVICE = "单位启用中"
    UNIT_OF_REGION = "本地区本级单位"
    DESIGNATED_IF_DECLINED = "曾转出的单位须指定办理"
    ADJACENT_LEVEL = "相邻一级政府办"
    NOT_OWN_REQUEST = "审核人不是申请人"
    NOT_PARALLEL = "不是并联件"
    PARTS_DONE = "各单位均已办结"
    CASE_RUNS = "并联件尚未汇总办结"
    FORWARD_TARGET = "转发对象：同级政府办；联合回复可转下一部门"
    OWN_PART_IF_JOINT = "联合回复须先答复本单位部分并选定分类"
    EXTENDABLE = "到期前，且未延期过"
    CLASS_CHANGEABLE = "第 5 个工作日结束前，且未调整过"
    RATED_OR_QUIET = "已评价，或 15 个工作日内无投诉"
    COMPLAINT_FINISHED = "投诉已办结"
    IS_OVERDUE = "已逾期"
    UNEXPLAINED = "说明期限已过且未说明"
    NOT_PARTY = "经办人不是当事人"
    THREE_PARTS = "调查情况、处理意见、办理结果齐全"
    RECIPIENT_AND_PAPERS = "有接收机关和材料清单"


@dataclass(frozen=True)
class Facts:
    """What the guards of one move need to know; a service fills in what its row's guards ask for."""

    actor_id: int | None = None
    actor_unit_id: int | None = None
    requester_id: int | None = None
    holder_unit_id: int | None = None
    line: str = ""
    has_content: bool = False
    """question text or recording"""
    answer: str = ""
    guidance: str = ""
    reason: str = ""
    is_out_of_scope: bool = False
    is_duplicate: bool = False
    other_ticket_id: int | None = None
    call_unit_id: int | None = None
    """The unit that answered the transferred call, by the call record."""
    target_unit_id: int | None = None
    target_in_service: bool = False
    target_in_region: bool = False
    target_is_own_office: bool = False
    """the government office of the holder's own region"""
    target_is_adjacent_office: bool = False
    target_declined: bool = False
    is_designated: bool = False
    is_joint: bool = False
    own_part: str = ""
    category: str = ""
    is_parallel: bool = False
    """a parallel case, or a part of one"""
    parts_done: bool = False
    case_runs: bool = False
    may_extend: bool = False
    may_change_class: bool = False
    is_rated_or_quiet: bool = False
    complaint_is_finished: bool = False
    is_overdue: bool = False
    is_unexplained: bool = False
    party_unit_ids: frozenset[int] = frozenset()
    """Units complained about."""
    party_user_ids: frozenset[int] = frozenset()
    findings: str = ""
    opinion: str = ""
    result: str = ""
    recipient: str = ""
    papers: str = ""


class GuardFailed(HotlineError):
    """A condition of the move does not hold; `guard` names it."""

    code = "condition_not_met"
    status = 422
    text = "{sentence}"


class OwnRequest(NotAllowed):
    """The person who asked may not decide."""

    code = "own_request"
    text = "不能审核自己提出的申请，请由本单位另一位有权审核的人员办理。"


class NotHolder(NotAllowed):
    """Another unit holds the ticket."""

    code = "not_holder"
    text = "该工单现由其他单位承办，您不能办理。"


class TooLate(Conflict):
    """The time for this has passed, or it was done once already."""

    code = "too_late"
    text = "{sentence}"


def check(guards: tuple[Guard, ...], facts: Facts) -> None:
    """Raise the error of the first guard that does not hold."""
    for guard in guards:
        holds, error = _CHECKS[guard]
        if not holds(facts):
            raise error(guard)


def _refuse(sentence: str) -> Callable[[Guard], HotlineError]:
    return lambda guard: GuardFailed(guard=guard.name.lower(), sentence=sentence)


def _late(sentence: str) -> Callable[[Guard], HotlineError]:
    return lambda _guard: TooLate(sentence=sentence)


def _is_not_own(facts: Facts) -> bool:
    return facts.actor_id is not None and facts.actor_id != facts.requester_id


def _is_holder(facts: Facts) -> bool:
    return facts.actor_unit_id is not None and facts.actor_unit_id == facts.holder_unit_id


def _unit_took_call(facts: Facts) -> bool:
    return facts.call_unit_id is not None and facts.call_unit_id == facts.holder_unit_id


def _forward_target_is_right(facts: Facts) -> bool:
    """Out of scope or unclear: own level's office only; joint: another unit of the level in service as well (§5.3-3)."""
    if facts.target_is_own_office:
        return True
    is_other = facts.target_unit_id != facts.holder_unit_id
    return facts.is_joint and facts.target_in_service and facts.target_in_region and is_other


def _is_no_party(facts: Facts) -> bool:
    return facts.actor_unit_id not in facts.party_unit_ids and facts.actor_id not in facts.party_user_ids


_CHECKS: dict[Guard, tuple[Callable[[Facts], bool], Callable[[Guard], HotlineError]]] = {
    Guard.HAS_ORIGIN: (
        lambda f: bool(f.line) and f.has_content,
        _refuse("缺少专线号码，或既无问题内容也无录音，请补充后再登记。"),
    ),
    Guard.HAS_ANSWER: (
        lambda f: bool(f.answer or f.guidance),
        _refuse("请填写答复内容；不能答复的，请填写告知查询人的其他查询方式、程序。"),
    ),
    Guard.HAS_REASON: (lambda f: bool(f.reason), _refuse("请填写理由。")),
    Guard.HAS_LONG_REASON: (
        lambda f: len(f.reason) >= SHORTEST_FORWARD_REASON,
        _refuse("请填写“转发理由”，不少于 5 个字。"),
    ),
    Guard.GUIDED_IF_OUT_OF_SCOPE: (
        lambda f: bool(f.guidance) or not f.is_out_of_scope,
        _refuse("超出范围的问题，请填写已告知查询人的其他查询方式、程序。"),
    ),
    Guard.OTHER_IF_DUPLICATE: (
        lambda f: f.other_ticket_id is not None or not f.is_duplicate,
        _refuse("并案请填写另一件工单的编号。"),
    ),
    Guard.BY_HOLDER: (_is_holder, lambda _guard: NotHolder()),
    Guard.UNIT_TOOK_CALL: (
        _unit_took_call,
        _refuse("通话记录中没有该单位接听转接电话的记录，请改选“转单位办理”。"),
    ),
    Guard.UNIT_IN_SERVICE: (
        lambda f: f.target_in_service,
        _refuse("请选择已启用的单位。"),
    ),
    Guard.UNIT_OF_REGION: (
        lambda f: f.target_in_region,
        _refuse("只能选择本地区本级的单位；需要跨级的，请转政府办区分。"),
    ),
    Guard.DESIGNATED_IF_DECLINED: (
        lambda f: f.is_designated or not f.target_declined,
        _refuse("该单位曾将此问题转出，如确应由其办理，请选择“指定办理”。"),
    ),
    Guard.ADJACENT_LEVEL: (
        lambda f: f.target_is_adjacent_office,
        _refuse("只能转交上一级或下一级政府办。"),
    ),
    Guard.NOT_OWN_REQUEST: (_is_not_own, lambda _guard: OwnRequest()),
    Guard.NOT_PARALLEL: (
        lambda f: not f.is_parallel,
        _refuse("并联件不转发：不属于本单位职责的，请在答复中说明，由牵头单位撤回并另选单位。"),
    ),
    Guard.PARTS_DONE: (
        lambda f: f.parts_done,
        _refuse("还有单位没有办结，须各单位均已答复或撤回后才能汇总办结。"),
    ),
    Guard.CASE_RUNS: (
        lambda f: f.case_runs,
        _refuse("该并联件已经汇总办结，不能再改动各单位的事项。"),
    ),
    Guard.FORWARD_TARGET: (
        _forward_target_is_right,
        _refuse("不属于本单位职责或无法明确受理部门的，只能转发至同级政府办。"),
    ),
    Guard.OWN_PART_IF_JOINT: (
        lambda f: bool(f.own_part and f.category) or not f.is_joint,
        _refuse("联合回复请先选定问题分类，并答复本单位职责范围内的部分，再转下一部门。"),
    ),
    Guard.EXTENDABLE: (
        lambda f: f.may_extend,
        _late("不能延期：期限已过，或已经延期一次，或该环节不可延期。"),
    ),
    Guard.CLASS_CHANGEABLE: (
        lambda f: f.may_change_class,
        _late("不能调整问题类别：只能在第 5 个工作日结束前调整一次。"),
    ),
    Guard.RATED_OR_QUIET: (
        lambda f: f.is_rated_or_quiet,
        _refuse("答复后未评价且未满 15 个工作日，暂不归档。"),
    ),
    Guard.COMPLAINT_FINISHED: (lambda f: f.complaint_is_finished, _refuse("投诉尚未办结。")),
    Guard.IS_OVERDUE: (lambda f: f.is_overdue, _refuse("该环节尚未逾期，无需此项操作。")),
    Guard.UNEXPLAINED: (
        lambda f: f.is_unexplained,
        _refuse("责任单位已说明情况，或说明期限未过，不列入问责。"),
    ),
    Guard.NOT_PARTY: (_is_no_party, _refuse("被投诉的单位和人员不能办理该投诉，请交由上一级监察机关。")),
    Guard.THREE_PARTS: (
        lambda f: bool(f.findings and f.opinion and f.result),
        _refuse("请将调查情况、处理意见、办理结果三项填写完整。"),
    ),
    Guard.RECIPIENT_AND_PAPERS: (
        lambda f: bool(f.recipient and f.papers),
        _refuse("请填写接收的司法机关和移交材料清单。"),
    ),
}
