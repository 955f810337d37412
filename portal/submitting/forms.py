"""The portal's forms (表单): each page of a form is good for one ticket, and a flood has to do a small sum.

A form carries a signed number. Sending it twice gives the first ticket again (`tickets.intake.once`); one that is a
day old is refused with the text kept. The sum follows from the number, so nothing about visitors is stored.
"""

import hmac
import secrets
from datetime import timedelta

from core.clock import Clock
from core.errors import HotlineError, InvalidInput
from portal.settings import PortalSettings

GOOD_FOR = timedelta(hours=24)
_DIGITS = "零一二三四五六七八九"


class FormExpired(HotlineError):
    """The page of the form is older than a day, or not ours."""

    code = "form_expired"
    status = 422
    text = "页面打开时间太长，已为您更新，内容都还在，请再提交一次。"


class SumWanted(HotlineError):
    """More questions come in than people type: do the sum."""

    code = "challenge_wanted"
    status = 429
    text = "现在提交的人较多，请先回答下面的算术题，再提交一次。"


def fresh(settings: PortalSettings, clock: Clock) -> str:
    """The number of a new form."""
    body = f"{int(clock.now().timestamp())}.{secrets.token_urlsafe(12)}"
    return f"{body}.{_signed(settings, body)}"


def checked(settings: PortalSettings, clock: Clock, number: str) -> str:
    """The number, when it is ours and not too old; raises FormExpired."""
    body, _, signature = number.rpartition(".")
    if not hmac.compare_digest(_signed(settings, body).encode(), signature.encode(errors="replace")):
        raise FormExpired
    age = clock.now().timestamp() - int(body.partition(".")[0])
    if age > GOOD_FOR.total_seconds():
        raise FormExpired
    return number


def sum_for(settings: PortalSettings, number: str) -> str:
    """The question of a form, such as 七加五等于几？ (numerals, so that the page reads aloud well)."""
    first, second = _terms(settings, number)
    return f"{_DIGITS[first]}加{_DIGITS[second]}等于几？请填数字。"


def check_sum(settings: PortalSettings, number: str, answer: str) -> None:
    """Raises SumWanted without an answer, InvalidInput for a wrong one."""
    if not answer.strip():
        raise SumWanted
    if answer.strip() != str(sum(_terms(settings, number))):
        raise InvalidInput(field="算术题", reason="答案不对，请再算一次")


def _terms(settings: PortalSettings, number: str) -> tuple[int, int]:
    drawn = int(_signed(settings, f"sum:{number}"), 16)
    return drawn % 9 + 1, drawn // 9 % 9 + 1


def _signed(settings: PortalSettings, text: str) -> str:
    return hmac.new(settings.secret, text.encode(errors="replace"), "sha256").hexdigest()[:32]
