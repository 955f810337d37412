"""Query codes on the telephone (查询码): state, reply, rating and complaint by code (M-20, M-47, M-48, M-62)."""

from collections.abc import Mapping

from core.clock import beijing
from ivr.flow.context import Branch, Handler
from ivr.speech import spoken
from tickets.errors import TooManyWrongCodes
from tickets.models import State
from tickets.queries import CodeStatus
from tickets.query_codes.attempts import status_for_stranger
from tickets.query_codes.codes import QueryCodeInvalid, QueryCodeUnknown

TRIES_A_CALL = 3
_DONE = {State.CLOSED, State.VOID, State.C_REPLIED, State.C_CLOSED, State.C_REJECTED, State.C_JUDICIAL}


class Codes(Branch):
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "query_code": self.query_code,
            "complaint_code": self.complaint_code,
            "complain_about_reply": self.complain_about_reply,
        }

    async def query_code(self, digits: str) -> str | None:
        """M-47: `replied` (and may be rated), `answered`, `open` or `done`; `locked` after too many tries, None for a wrong code."""
        status = await self._status(digits)
        if not isinstance(status, CodeStatus):
            return status
        await self._fill(status)
        if status.reply:
            return "replied" if status.may_rate else "answered"
        return _standing(status)

    async def complaint_code(self, digits: str) -> str | None:
        """M-48: a reply can be complained about once it is finished; the outcomes are otherwise `query_code`'s."""
        self.caller.accused = None
        status = await self._status(digits)
        if not isinstance(status, CodeStatus):
            return status
        await self._fill(status)
        if status.state == State.IN_COMPLAINT:
            return "complained"
        return "replied" if status.state in (State.REPLIED, State.CLOSED) else _standing(status)

    async def complain_about_reply(self) -> str:
        assert self.caller.about is not None
        self.caller.accused = None
        return "complained" if self.caller.about.state == State.IN_COMPLAINT else "replied"

    async def _status(self, digits: str) -> CodeStatus | str | None:
        """The ticket behind a code, or else the outcome of the entry."""
        if self.caller.code_failures >= TRIES_A_CALL:
            return "locked"
        source = self.caller.number or self.caller.linkedid
        try:
            return await status_for_stranger(
                self.deps.db, self.deps.clock, digits, source=source, line=self.caller.call.line
            )
        except TooManyWrongCodes:
            return "locked"
        except (QueryCodeInvalid, QueryCodeUnknown):
            self.caller.code_failures += 1
            return "locked" if self.caller.code_failures >= TRIES_A_CALL else None

    async def _fill(self, status: CodeStatus) -> None:
        """Put what is to be said of the ticket into the slots."""
        today = beijing(self.deps.clock.now()).date()
        self.caller.about = status.ticket
        self.slots["unit"] = await self.deps.say(status.unit_name) if status.unit_name else ["an-operator"]
        self.slots["state"] = spoken.state(status.state)
        self.slots["due"] = spoken.full_date(status.due_on, today) if status.due_on else []
        self.slots["reply"] = await self.deps.say(status.reply) if status.reply else []
        explained = status.explanation
        self.slots["explanation"] = (
            ["explanation-follows", *await self.deps.say(explained)] if explained else []
        )


def _standing(status: CodeStatus) -> str:
    """`open` while there is a date to tell by which the answer is due."""
    return "done" if status.state in _DONE or status.due_on is None else "open"
