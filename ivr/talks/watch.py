"""One supervisor's telephone at one call (实时监督): shapes and refusals. What is done with them is `ivr.talks.supervision`'s."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import HotlineError


class Mode(StrEnum):
    """How the supervisor takes part in the talk."""

    LISTEN = "listen"
    """监听: nobody hears the supervisor"""
    WHISPER = "whisper"
    """耳语: only the operator hears the supervisor"""
    BARGE = "barge"
    """插话: all hear one another"""
    TAKE_OVER = "take_over"
    """接管: the supervisor in the operator's place"""


QUIET = frozenset({Mode.LISTEN, Mode.WHISPER})
"""The caller does not hear the supervisor, who hangs on one telephone (ChanSpy) and is no leg of the call."""


class NoTalk(HotlineError):
    """The caller talks to nobody now."""

    code = "no_talk"
    status = 409
    text = "这通电话现在没有双方通话（可能正在转接、咨询或已经结束），请稍候再试。"


class SupervisorBusy(HotlineError):
    """The supervisor's telephone is at another call, or the supervisor sits at a seat."""

    code = "supervisor_busy"
    status = 409
    text = "您正在监督另一通电话或正在上岗，请先结束，再监督这一通。"


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervisor who gives an order, as the audit log names them."""

    user_id: int
    username: str
    source: str = ""


@dataclass(slots=True)
class Watch:
    """One supervisor's telephone at one call."""

    by: Supervisor
    device: str
    extension: str
    linkedid: str
    uniqueid: str
    mode: Mode
    channel: str = ""
    """Its name in Asterisk, once it has answered."""
    on: str = ""
    """uniqueid of the telephone that is listened to."""
    since_at: datetime | None = None
    """Since when the mode is carried out."""
