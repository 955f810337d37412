"""An entry's states (信息状态) and every legal move between them (M-68 「发布、更新、交换机制」), pure.

Theory of operation. A text walks draft → unit check → secrecy check → published, and different people take it
along: who wrote it does not check it, who checked it does not publish it. What has been published is never changed
in place: a new text of it (修订稿) walks the same way while the old one stays, and takes its place when it is
published. Every legal pair of state and action is one row of `TABLE`; a pair without a row is refused and changes
nothing. This module does not know entries, only states; docs/kb-lifecycle.md is generated from `TABLE`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core.errors import HotlineError
from kb.errors import EntryIncomplete, KbReasonMissing, Outdated, OwnCheck, OwnText, PersonalData, WrongState
from kb.models import EntryState


class Action(StrEnum):
    CREATE = "create"
    EDIT = "edit"
    REVISE = "revise"
    SUBMIT = "submit"
    RECALL = "recall"
    PASS_UNIT = "pass_unit"  # noqa: S105 - an action
    SEND_BACK = "send_back"
    PUBLISH = "publish"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    DISCARD = "discard"


class Actor(StrEnum):
    """Who acts, in the mission's role codes (§5.9, row KB)."""

    LSN = "联络员"
    HEAD = "单位负责人"
    GOV = "政府办"
    SEC = "保密审查"
    TIMER = "到期自动"


class Guard(StrEnum):
    COMPLETE = "必填栏目齐全"
    IN_FORCE = "截止日期未过"
    NO_PERSONAL_DATA = "没有个人信息，或已逐项核对"
    HAS_REASON = "有理由"
    NOT_OWN_TEXT = "不是文字的作者"
    NOT_OWN_CHECK = "不是单位审核人"


STATE_NAMES = {
    EntryState.DRAFT: "草稿",
    EntryState.UNIT_CHECK: "待单位审核",
    EntryState.SECRECY_CHECK: "待保密审查",
    EntryState.PUBLISHED: "已发布",
    EntryState.EXPIRED: "已过期",
    EntryState.WITHDRAWN: "已撤下",
}
ACTION_NAMES = {
    Action.CREATE: "起草",
    Action.EDIT: "修改",
    Action.REVISE: "修订",
    Action.SUBMIT: "送审",
    Action.RECALL: "撤回送审",
    Action.PASS_UNIT: "单位审核通过",
    Action.SEND_BACK: "退回",
    Action.PUBLISH: "发布",
    Action.CONFIRM: "复核",
    Action.WITHDRAW: "撤下",
    Action.EXPIRE: "过期",
    Action.DISCARD: "作废",
}
BEEN_PUBLIC = frozenset({EntryState.PUBLISHED, EntryState.EXPIRED, EntryState.WITHDRAWN})
"""A new text of these is a revision."""
ON_THE_PUBLIC_TEXT = frozenset({Action.REVISE, Action.CONFIRM, Action.WITHDRAW, Action.EXPIRE})
"""These concern the text that was published; the others the one being prepared."""


@dataclass(frozen=True)
class Facts:
    """What the guards of one move need to know."""

    actor_id: int | None = None
    author_ids: frozenset[int] = frozenset()
    """Everybody who wrote at the text since it was last published"""
    checker_id: int | None = None
    missing: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    """Suspected personal data, as sentences"""
    has_id_card: bool = False
    is_checked: bool = False
    """The actor has confirmed that the suspicions are unfounded."""
    last_day: date | None = None
    today: date = date.min
    reason: str = ""


@dataclass(frozen=True)
class Transition:
    rule: str
    action: Action
    source: EntryState | None
    target: EntryState
    who: frozenset[Actor]
    guards: tuple[Guard, ...]
    basis: str
    """The requirement; [I] marks our own reading."""


def transition(state: EntryState | None, action: Action) -> Transition:
    """The one row for this pair; raises WrongState when there is none."""
    try:
        return _BY_PAIR[state, action]
    except KeyError:
        name = STATE_NAMES[state] if state else "尚未建立"
        raise WrongState(state=name, action=ACTION_NAMES[action]) from None


def check(guards: tuple[Guard, ...], facts: Facts) -> None:
    """Raise the error of the first guard that does not hold."""
    for guard in guards:
        if error := _CHECKS[guard](facts):
            raise error


def _incomplete(facts: Facts) -> HotlineError | None:
    return EntryIncomplete(missing="、".join(facts.missing)) if facts.missing else None


def _outdated(facts: Facts) -> HotlineError | None:
    return Outdated() if facts.last_day and facts.last_day < facts.today else None


def _personal(facts: Facts) -> HotlineError | None:
    if facts.findings and (facts.has_id_card or not facts.is_checked):
        return PersonalData(findings="；".join(facts.findings))
    return None


_CHECKS: dict[Guard, Callable[[Facts], HotlineError | None]] = {
    Guard.COMPLETE: _incomplete,
    Guard.IN_FORCE: _outdated,
    Guard.NO_PERSONAL_DATA: _personal,
    Guard.HAS_REASON: lambda facts: None if facts.reason else KbReasonMissing(),
    Guard.NOT_OWN_TEXT: lambda facts: OwnText() if facts.actor_id in facts.author_ids else None,
    Guard.NOT_OWN_CHECK: lambda facts: OwnCheck() if facts.actor_id == facts.checker_id else None,
}


def _rows(
    rule: str,
    action: Action,
    pairs: dict[EntryState | None, EntryState],
    who: set[Actor],
    guards: tuple[Guard, ...],
    basis: str,
) -> list[Transition]:
    return [Transition(rule, action, old, new, frozenset(who), guards, basis) for old, new in pairs.items()]


_WRITERS = {Actor.LSN, Actor.GOV}
_READY = (Guard.COMPLETE, Guard.IN_FORCE, Guard.NO_PERSONAL_DATA)
_S = EntryState

TABLE: tuple[Transition, ...] = (
    *_rows(
        "K1", Action.CREATE, {None: _S.DRAFT}, _WRITERS, (),
        "M-67 「分散维护」；M-66 「将答复信息添加到查询信息库」",
    ),
    *_rows("K2", Action.EDIT, {_S.DRAFT: _S.DRAFT}, _WRITERS, (), "M-67 「分散维护」"),
    *_rows(
        "K3", Action.REVISE, {_S.PUBLISHED: _S.DRAFT, _S.EXPIRED: _S.DRAFT, _S.WITHDRAWN: _S.DRAFT}, _WRITERS, (),
        "M-68 「更新」、「适时更新」[I] 原文在修订稿发布前继续有效",
    ),
    *_rows(
        "K4", Action.SUBMIT, {_S.DRAFT: _S.UNIT_CHECK}, _WRITERS, _READY,
        "M-68 「发布」；M-69 「办理依据、条件、程序、时限及服务指南、收费标准」",
    ),
    *_rows(
        "K5", Action.RECALL, {_S.UNIT_CHECK: _S.DRAFT, _S.SECRECY_CHECK: _S.DRAFT}, _WRITERS, (),
        "M-68 [I] 作者可撤回修改",
    ),
    *_rows(
        "K6", Action.PASS_UNIT, {_S.UNIT_CHECK: _S.SECRECY_CHECK}, {Actor.HEAD, Actor.GOV},
        (Guard.COMPLETE, Guard.NOT_OWN_TEXT),
        "M-68；§5.9 HEAD unit approve",
    ),
    *_rows(
        "K7", Action.SEND_BACK, {_S.UNIT_CHECK: _S.DRAFT}, {Actor.HEAD, Actor.GOV},
        (Guard.HAS_REASON,),
        "M-68 [I] 退回须说明理由",
    ),
    *_rows(
        "K8", Action.PUBLISH, {_S.SECRECY_CHECK: _S.PUBLISHED}, {Actor.SEC},
        (*_READY, Guard.NOT_OWN_TEXT, Guard.NOT_OWN_CHECK),
        "M-86 「严防出现泄密事件」；M-70 「公开是原则,不公开是例外」",
    ),
    *_rows(
        "K9", Action.SEND_BACK, {_S.SECRECY_CHECK: _S.DRAFT}, {Actor.SEC},
        (Guard.HAS_REASON,),
        "M-86 [I] 退回须说明理由",
    ),
    *_rows(
        "K10", Action.CONFIRM, {_S.PUBLISHED: _S.PUBLISHED}, {Actor.LSN, Actor.HEAD, Actor.GOV}, (),
        "M-68 「适时更新」[I] 内容未变，只定下次复核日期",
    ),
    *_rows(
        "K11", Action.WITHDRAW, {_S.PUBLISHED: _S.WITHDRAWN, _S.EXPIRED: _S.WITHDRAWN},
        {Actor.LSN, Actor.HEAD, Actor.GOV, Actor.SEC},
        (Guard.HAS_REASON,),
        "M-18、M-68 [I] 立即从各渠道撤下",
    ),
    *_rows(
        "K12", Action.EXPIRE, {_S.PUBLISHED: _S.EXPIRED}, {Actor.TIMER}, (),
        "M-68；M-109 公示期满自动撤出语音和公告栏",
    ),
    *_rows(
        "K13", Action.DISCARD, {_S.DRAFT: _S.WITHDRAWN}, _WRITERS, (),
        "M-68 [I] 未发布的草稿作废；修订稿作废时原文不变",
    ),
)  # fmt: skip
_BY_PAIR = {(row.source, row.action): row for row in TABLE}
