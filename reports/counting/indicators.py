"""Every indicator once (指标定义, mission §5.8): formula, what is counted, what is left out, and whose words it rests on.

An indicator takes the rows of one `Source`. Its denominator is all of them, or the sum of `over`; its numerator those
that meet `counted`, or the sum of `amount`. So whoever doubts a figure can list the very rows above and below the line.
Periods: calls by their start, 办结率 by the day received, timeliness by the due day, ratings and replies by their own time.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, String, and_, bindparam, case, cast, func, literal, not_, or_, true
from sqlalchemy.sql.elements import BindParameter

from core.db import UtcDateTime
from core.sql import elapsed_ms
from kb.models import Entry
from recordings.models import Call, CallEnd
from reports.counting import sources
from reports.counting.sources import Condition, Source
from reports.quality.models import About, Grade, Sample
from tickets.clocks.deadlines import RULES
from tickets.lifecycle import REPLIED_STATES
from tickets.mayor.models import Direction, MayorReferral
from tickets.models import (
    Channel,
    ClockKind,
    Outcome,
    RatingAbout,
    SatisfactionRating,
    State,
    Step,
    StepResult,
    Ticket,
)
from tickets.oversight.oversight_models import ComplaintReply

QUICK_ABANDON_MS = 5_000
PROMPT_MS = 15_000
UNIT_PROMPT_MS = 20_000
EVERY, ONE = true(), literal(1)
"""What counts every row, each as one."""
NOW: BindParameter[Any] = bindparam("now", type_=UtcDateTime)


class Group(StrEnum):
    """Who is judged (M-54's three scoreboards and the supervision's)."""

    CENTRE = "centre"
    """呼叫中心, by 市政府办"""
    TRANSFER = "transfer"
    """转接质量, by 市政府办"""
    UNIT = "unit"
    """各单位, by its own level"""
    SUPERVISION = "supervision"
    QUALITY = "quality"
    """质检, by the supervisors"""


class Show(StrEnum):
    PERCENT = "percent"
    SECONDS = "seconds"
    """of values in milliseconds"""
    POINTS = "points"
    """of hundredths of a point"""
    COUNT = "count"


class Way(StrEnum):
    SHARE = "share"
    """numerator ÷ denominator"""
    SAVED = "saved"
    """1 − numerator ÷ denominator"""
    NINE_TENTHS = "nine_tenths"
    """the amount that 90 % of the rows do not exceed"""
    COUNT = "count"
    """the numerator alone"""


@dataclass(frozen=True)
class Indicator:
    key: str
    """`K-01`, a variant `K-01.raw`."""
    name: str
    group: Group
    source: Source
    rule: str
    """Formula and exclusions, as people read them."""
    basis: str
    """The requirement with the source's own words 「…」; [I] marks our own definition."""
    counted: Condition = EVERY
    amount: Any = ONE
    over: Any = ONE
    show: Show = Show.PERCENT
    way: Way = Way.SHARE
    apart: Source | None = None
    """Where the numerator's rows are not among the denominator's: their own source."""
    each: tuple[Any, ...] = ()
    """Rows alike in these columns count as one, which meets `counted` if any of them does."""
    higher_is_better: bool = True
    version: int = 1

    @property
    def k(self) -> str:
        return self.key.partition(".")[0]

    @property
    def misses(self) -> bool:
        """Whether rows of the denominator that are not in the numerator can be listed."""
        return (
            self.way is Way.SHARE and self.amount is ONE and self.apart is None and self.counted is not EVERY
        )

    def counting(self, *, above: bool) -> tuple[int, int]:
        """The same for all that count the same rows: which source, and which condition besides."""
        if above and self.apart is not None:
            return id(self.apart), id(EVERY)
        return id(self.source), id(self.counted if above else EVERY)


_asked = sources.CALLS.only(or_(Call.queued_at.is_not(None), Call.node_path.contains("OP-QUEUE")))
_quick = and_(
    Call.answered_at.is_(None),
    func.coalesce(Call.end, "") == CallEnd.QUEUE,
    elapsed_ms(Call.ended_at, func.coalesce(Call.queued_at, Call.started_at)) < QUICK_ABANDON_MS,
)
_answered = Call.answered_at.is_not(None)
_promptly = and_(_answered, sources.WAIT_MS <= PROMPT_MS)
_abandoned = and_(not_(_answered), Call.end == CallEnd.QUEUE)
_serious = _asked.only(not_(_quick))
_callers = replace(_serious, person=None)
"""Of many operators; a caller is nobody's."""
_same_caller = (
    case((Call.caller_number != "", Call.caller_number), else_=cast(Call.id, String())), Call.line, Call.region_id,
)  # fmt: skip
"""Who hides the number cannot be told from others who do. The number comes first: it tells most rows apart, and engines sort."""
_connected = sources.TRANSFERS.only(sources.TRANSFER_ANSWERED)

_late = func.coalesce(Step.finished_at, NOW) > Step.cut_off_at
_decided = sources.STEPS.only(or_(Step.finished_at.is_not(None), Step.cut_off_at < NOW))
_unexplained = and_(_late, Step.explained_at.is_(None))
_taken = sources.QUESTIONS.only(Ticket.state != State.VOID)
_on_spot = and_(
    Ticket.state.in_(REPLIED_STATES),
    Ticket.outcome.in_([Outcome.ANSWERED, Outcome.OTHER_WAYS, Outcome.TRANSFERRED]),
    Ticket.channel.not_in([Channel.VOICEMAIL, Channel.WEB, Channel.LETTER, Channel.MAYOR]),
    or_(
        Ticket.outcome != Outcome.TRANSFERRED,
        sources.answered_on_call(),
    ),
)
_finished = sources.STEPS.only(
    Step.used_days.is_not(None),
    Step.clock.in_(
        [ClockKind.Q5, ClockKind.Q10, ClockKind.C15, ClockKind.G5, ClockKind.P5, ClockKind.P10, ClockKind.P20]
    ),
    at=Step.finished_at,
)
_allowed = case({kind: rule.days for kind, rule in RULES.items()}, value=Step.clock)
_arrived = sources.STEPS.only(Step.clock.in_([ClockKind.Q5, ClockKind.Q10]), at=Step.started_at)
_forwarded = func.coalesce(Step.result == StepResult.FORWARDED, literal(False, Boolean()))
_of_units = sources.RATINGS.only(SatisfactionRating.about == RatingAbout.UNIT)
_of_operators = sources.RATINGS.only(SatisfactionRating.about == RatingAbout.OPERATOR)
_messages = _decided.only(Step.clock == ClockKind.CC1, Ticket.channel == Channel.VOICEMAIL)
_CENTRE_BASIS = "M-72 「对呼叫中心话务接通率和转接质量进行监督考核」"
_TRANSFER_BASIS = "M-73 「转接质量」[I]"
_RESPONSE_BASIS = "M-74 「对本级部门服务电话响应性和答复满意率进行监督检查」"
_SUPERVISION_BASIS = "M-78 「对延期或未回复、服务态度恶劣的地区及部门进行通报批评」"
_MAYOR_BASIS = "M-122 「开通市长热线和市长信箱」[I]"
_from_mayor = MayorReferral.direction == Direction.IN
_QUALITY_BASIS = "M-82 「随机检查、专项督查、重点抽查」[I]"

INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "K-01", "接通率", Group.CENTRE, _serious,
        "话务员接听的来电 ÷ 法定工作时间内请求人工的来电；排队不足 5 秒自行挂断的不计。菜单只在法定工作时间放行人工排队，无座席而未能排上的也算请求。",
        f"{_CENTRE_BASIS}；比率的口径 [I]", counted=_answered,
    ),
    Indicator(
        "K-01.raw", "接通率（含5秒内挂断）", Group.CENTRE, _asked,
        "话务员接听的来电 ÷ 法定工作时间内请求人工的来电，排队不足 5 秒自行挂断的也计入分母。", _CENTRE_BASIS, counted=_answered,
    ),
    Indicator(
        "K-01.caller", "接通率（按号码）", Group.CENTRE, _callers,
        "至少有一次由话务员接听的号码 ÷ 请求过人工的号码：所查时段内，同一专线的同一号码只计一次，不显示号码的来电每次各计一次；排队不足 5 秒自行挂断的不计。"
        "反复拨打才接通的来电人在 K-01 中每次各计一次，两种算法并列。",
        f"{_CENTRE_BASIS}；口径 [I]", counted=_answered, each=_same_caller,
    ),
    Indicator(
        "K-02", "平均应答时间", Group.CENTRE, _asked.only(_answered, Call.queued_at.is_not(None)),
        "已接听来电从进入排队到话务员接听的时间之和 ÷ 已接听来电数，不含菜单时间。", f"{_CENTRE_BASIS} [I]",
        amount=sources.WAIT_MS, show=Show.SECONDS, higher_is_better=False,
    ),
    Indicator(
        "K-02.offered", "15秒应答率（占请求）", Group.CENTRE, _serious,
        "15 秒内接听的来电 ÷ 请求人工的来电（排队不足 5 秒自行挂断的不计）。", f"{_CENTRE_BASIS} [I]", counted=_promptly,
    ),
    Indicator(
        "K-02.answered", "15秒应答率（占已接）", Group.CENTRE, _asked.only(_answered),
        "15 秒内接听的来电 ÷ 已接听的来电。放弃的来电不在分母中，因此总不低于占请求的口径，两者并列。",
        f"{_CENTRE_BASIS} [I]", counted=_promptly,
    ),
    Indicator(
        "K-03", "放弃率", Group.CENTRE, sources.CALLS,
        "在菜单或排队中挂断的来电 ÷ 全部来电；各环节分别列出。", "M-16 [I]",
        counted=Call.end.in_([CallEnd.MENU, CallEnd.QUEUE]), higher_is_better=False,
    ),
    Indicator(
        "K-03.queue", "排队放弃率", Group.CENTRE, _serious,
        "排队满 5 秒后挂断的来电 ÷ 请求人工的来电（排队不足 5 秒自行挂断的不计）。", "M-16 [I]",
        counted=_abandoned, higher_is_better=False,
    ),
    Indicator(
        "K-04", "转接成功率", Group.TRANSFER, sources.TRANSFERS,
        "单位接听的转接 ÷ 发起的转接；同一来电多次转接，每次各计一次。", _TRANSFER_BASIS,
        counted=sources.TRANSFER_ANSWERED,
    ),
    Indicator(
        "K-04.caller", "转接成功率（按来电）", Group.TRANSFER, sources.FIRST_TRANSFERS,
        "至少有一次转接被单位接听的来电 ÷ 发起过转接的来电；一次来电只计一次，属于首次转接的单位。按次与按来电两种算法并列。",
        _TRANSFER_BASIS, counted=sources.CALL_ANSWERED,
    ),
    Indicator(
        "K-05", "转接准确率", Group.TRANSFER, _connected,
        "接听后既未交回来电、又未将工单转发出去的转接 ÷ 单位接听的转接。", _TRANSFER_BASIS,
        counted=not_(sources.MISTAKEN),
    ),
    Indicator(
        "K-06", "转接接续时长（平均）", Group.TRANSFER, _connected,
        "从发起转接到单位接听的时间之和 ÷ 单位接听的转接。", _TRANSFER_BASIS,
        amount=sources.TRANSFER_MS, show=Show.SECONDS, higher_is_better=False,
    ),
    Indicator(
        "K-06.p90", "转接接续时长（90%在此以内）", Group.TRANSFER, _connected,
        "单位接听的转接按接续时长从短到长排列，第 90% 位的时长。", _TRANSFER_BASIS,
        amount=sources.TRANSFER_MS, show=Show.SECONDS, way=Way.NINE_TENTHS, higher_is_better=False,
    ),
    Indicator(
        "K-07", "服务电话接听率", Group.UNIT, sources.RINGS,
        "单位接听的来电 ÷ 转到该单位的来电；同一来电在同一单位只计一次，电话不在线也算未接听。", f"{_RESPONSE_BASIS}；口径 [I]",
        counted=sources.UNIT_ANSWERED,
    ),
    Indicator(
        "K-08", "及时响应率", Group.UNIT, sources.RINGS,
        "第一次转接 20 秒内接听的来电 ÷ 转到该单位的来电。", f"{_RESPONSE_BASIS}；20 秒 [I]",
        counted=and_(sources.TRANSFER_ANSWERED, sources.TRANSFER_MS <= UNIT_PROMPT_MS),
    ),
    Indicator(
        "K-09", "答复满意率", Group.UNIT, _of_units,
        "（满意 + 基本满意）÷ 对单位答复的评价；未按键、未评价不计，绝不当作满意。", "M-75 「答复满意率」",
        counted=SatisfactionRating.score <= 2,
    ),
    Indicator(
        "K-09.strict", "答复满意率（仅满意）", Group.UNIT, _of_units,
        "满意 ÷ 对单位答复的评价。", "M-75 「答复满意率」", counted=SatisfactionRating.score == 1,
    ),
    Indicator(
        "K-10", "话务服务满意率", Group.CENTRE, _of_operators,
        "（满意 + 基本满意）÷ 对话务员服务的评价；未按键不计。", "M-61 「电话解答服务评价」",
        counted=SatisfactionRating.score <= 2,
    ),
    Indicator(
        "K-11", "群众评议率", Group.UNIT, sources.REPLIES,
        "已评价的答复 ÷ 可评价的答复（单位的书面答复和通话中的答复），按答复日期。", "M-126 「群众评议率92.72%」",
        counted=sources.IS_RATED, version=2,
    ),
    Indicator(
        "K-12", "办结率", Group.UNIT, _taken,
        "已答复的提问 ÷ 受理的提问，按受理日期；无效、并案和超范围不计。答复后又被投诉的仍算已答复，责成重办的不算。并联件整件计一件，属于牵头单位。",
        "M-76 「受理、转交和答复」", counted=Ticket.state.in_(REPLIED_STATES), version=2,
    ),
    Indicator(
        "K-13", "按时办结率", Group.UNIT, _decided,
        "在截止时刻前完成的办理环节 ÷（已完成的环节 + 逾期未完成的环节），按应办结日期；政府办转发环节同样计入，并联件的各单位各计各的环节。批准的延期按延期后的期限。",
        "M-126 「按时办结率100%」", counted=not_(_late),
    ),
    Indicator(
        "K-14", "现场办结率", Group.UNIT, _taken,
        "通话中或窗口当场答复的提问 ÷ 受理的提问，按受理日期；留言、网络、信函和市长热线转来的不算当场。", "M-126 「现场办结90%以上」",
        counted=_on_spot, version=2,
    ),
    Indicator(
        "K-15", "实际办理提速", Group.UNIT, _finished,
        "1 − 实际用去的工作日之和 ÷ 规定的工作日之和（5、10、15 日，并联件牵头 20 日，不因延期放宽），按完成日期；收到当日完成为 0 日。",
        "M-126 「实际办理提速87.12%」", amount=Step.used_days, over=_allowed, way=Way.SAVED, version=2,
    ),
    Indicator(
        "K-16", "逾期率", Group.SUPERVISION, _decided,
        "逾期的办理环节 ÷（已完成的环节 + 逾期未完成的环节），按应办结日期；作了说明仍算逾期。",
        _SUPERVISION_BASIS, counted=_late, higher_is_better=False,
    ),
    Indicator(
        "K-16.unexplained", "逾期未说明数", Group.SUPERVISION, _decided,
        "逾期而没有说明情况的办理环节，按应办结日期。", "M-52 「对逾期未办,又未说明情况的,由监察机关进行问责」",
        counted=_unexplained, show=Show.COUNT, way=Way.COUNT, higher_is_better=False,
    ),
    Indicator(
        "K-16.unanswered", "逾期未办结数", Group.SUPERVISION, _decided,
        "逾期而仍未完成的办理环节，按应办结日期。", _SUPERVISION_BASIS,
        counted=Step.finished_at.is_(None), show=Show.COUNT, way=Way.COUNT, higher_is_better=False,
    ),
    Indicator(
        "K-16.extended", "延期率", Group.SUPERVISION, _decided,
        "批准过延期的办理环节 ÷（已完成的环节 + 逾期未完成的环节），按应办结日期。", _SUPERVISION_BASIS,
        counted=Step.extended_at.is_not(None), higher_is_better=False,
    ),
    Indicator(
        "K-17", "转发率", Group.SUPERVISION, _arrived,
        "转发出去的环节 ÷ 到达单位的环节，按到达日期；联合答复的分办不算转发。", "M-38 「转发时必须填写“转发理由”」[I]",
        counted=_forwarded, higher_is_better=False,
    ),
    Indicator(
        "K-17.returned", "退回率", Group.SUPERVISION, _arrived,
        "转发回政府办的环节 ÷ 到达单位的环节，按到达日期。", "M-37 「可转发至同级政府办」[I]",
        counted=and_(_forwarded, sources.WENT_TO_OFFICE), higher_is_better=False,
    ),
    Indicator(
        "K-17.ping_pong", "推诿标记数", Group.SUPERVISION, _arrived,
        "第三次转发，或又转回已转出过的单位的环节，按到达日期。", "M-55 「推诿、拖拉、扯皮」",
        counted=Step.ping_pong.is_(True), show=Show.COUNT, way=Way.COUNT, higher_is_better=False,
    ),
    Indicator(
        "K-18", "投诉率", Group.SUPERVISION, sources.REPLIES,
        "收到的投诉 ÷ 单位的答复，各按自己的日期；没有查询码的投诉不指明单位，只计入地区。", "M-48 「对问题回复进行投诉」[I]",
        apart=sources.COMPLAINTS, higher_is_better=False,
    ),
    Indicator(
        "K-18.upheld", "投诉属实率", Group.SUPERVISION, sources.FINISHED_COMPLAINTS,
        "查证属实的投诉 ÷ 办结的投诉，按办结日期。", "M-49 「调查情况、处理意见和办理结果」[I]",
        counted=ComplaintReply.upheld.is_(True), higher_is_better=False,
    ),
    Indicator(
        "K-18.attitude", "服务态度投诉属实数", Group.SUPERVISION, sources.FINISHED_COMPLAINTS,
        "查证属实且属于服务态度的投诉，按办结日期。", "M-78 「服务态度恶劣」",
        counted=and_(ComplaintReply.upheld.is_(True), ComplaintReply.attitude.is_(True)),
        show=Show.COUNT, way=Way.COUNT, higher_is_better=False,
    ),
    Indicator(
        "K-19", "留言处理及时率", Group.CENTRE, _messages,
        "1 个工作日内登记转出的语音留言 ÷（已登记的留言 + 到期未登记的留言），按应登记日期。", "M-58 「建设语音信箱」；时限 [I]",
        counted=not_(_late),
    ),
    Indicator(
        "K-20", "入库率", Group.UNIT, sources.ENTRIES,
        "已发布到查询信息库的答复 ÷ 标明带普遍性、可以公开的答复，按标明日期。",
        "M-66 「将带普遍性、可以公开的答复信息添加到查询信息库」", counted=Entry.published_at.is_not(None),
    ),
    Indicator(
        "K-21", "质检得分", Group.QUALITY, sources.GRADES,
        "质检得分之和 ÷ 已评分的通话，满分 100 分，按通话日期。有复核的以复核为准，校准评分不计；暗访通话计入，试拨不计。",
        _QUALITY_BASIS, amount=Grade.points, show=Show.POINTS,
    ),
    Indicator(
        "K-21.operator", "话务员质检得分", Group.QUALITY, sources.GRADES.only(Sample.about == About.OPERATOR),
        "质检得分之和 ÷ 已评分的通话，只计对话务员的评分，其余同 K-21。", _QUALITY_BASIS, amount=Grade.points, show=Show.POINTS,
    ),
    Indicator(
        "K-21.unit", "单位质检得分", Group.QUALITY, sources.GRADES.only(Sample.about == About.UNIT),
        "质检得分之和 ÷ 已评分的通话，只计对单位联络员的评分，其余同 K-21。", _QUALITY_BASIS, amount=Grade.points, show=Show.POINTS,
    ),
    Indicator(
        "K-22", "移交市长热线数", Group.SUPERVISION, sources.REFERRALS,
        "移交市长热线、市长信箱的次数，按移交日期。", _MAYOR_BASIS,
        counted=MayorReferral.direction == Direction.OUT, show=Show.COUNT, way=Way.COUNT,
    ),
    Indicator(
        "K-22.received", "市长热线转来数", Group.SUPERVISION, sources.REFERRALS,
        "市长热线、市长信箱转来的次数，按登记日期；转来的同时计入受理。", _MAYOR_BASIS,
        counted=_from_mayor, show=Show.COUNT, way=Way.COUNT,
    ),
    Indicator(
        "K-22.answered", "市长热线转来回复率", Group.SUPERVISION, sources.REFERRALS.only(_from_mayor),
        "已回复市长热线、市长信箱的 ÷ 转来的，按登记日期。", _MAYOR_BASIS, counted=MayorReferral.answered_at.is_not(None),
    ),
)  # fmt: skip
BY_KEY = {indicator.key: indicator for indicator in INDICATORS}
VERSION = "2026-5"
"""Of the whole set: moves with any definition, and is kept with every frozen report."""
