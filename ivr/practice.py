"""Practice calls (练习来电, M-89): a sample caller rings a trainee's seat, which takes no real call meanwhile, or a liaison.

The caller is the first half of a Local channel; in the second half `[practice-caller]` plays the sample's sentences, one
each time the trainee has spoken. Or a supervisor plays the caller, from their own telephone. Either way the call is
marked 练习 from its first ledger line, so that no figure counts it, and its ticket leads nowhere (`tickets.wrapup`).
"""

import uuid

from core.errors import Conflict, HotlineError
from ivr.board import Seat
from ivr.practice_samples import samples
from ivr.talks.steps import InACall
from ivr.talks.supervision import Supervision
from ivr.talks.watch import Supervisor

PRACTICE = "练习"
"""Why a seat that practises is paused."""
ANSWER_LIMIT_MS = 20_000
_SAMPLE_CALLER = "Local/s@practice-caller/n"


class SampleUnknown(HotlineError):
    """There is no such sample call."""

    code = "sample_unknown"
    status = 404
    text = "没有这个练习来电，请刷新页面后从列表中选择。"


class AtWork(Conflict):
    """The operator is ready for real calls."""

    code = "at_work"
    text = "该座席正在接听真实来电，请先让其暂停，再扮演来电人。"


class Practice(Supervision):
    """Orders of the desk and of supervisors about practice calls."""

    async def practise(self, user_id: int, key: str) -> str:
        """A sample caller rings this operator; returns the call's linkedid. Raises SampleUnknown, InACall, NotSignedIn."""
        said = self._said(key)
        seat = await self._only_practising(user_id)
        return await self._call_trainee(seat.device, seat.region_id, _SAMPLE_CALLER, key, said)

    async def practise_by_telephone(self, user_id: int, key: str) -> str:
        """A sample caller rings a liaison's own telephone; no ticket comes of it. Raises SampleUnknown, InACall, NoTelephone."""
        said = self._said(key)
        extension, device = self._telephone(user_id)
        if self.board.tracker.call_by_extension(extension):
            raise InACall
        region_id = self._seats.staff[user_id].region_id
        return await self._call_trainee(device, region_id, _SAMPLE_CALLER, key, said)

    async def play_caller(self, by: Supervisor, user_id: int) -> str:
        """A supervisor's own telephone is the caller of this operator, who is paused. Raises NoTelephone, InACall, AtWork."""
        extension, device = self._telephone(by.user_id)
        if self.board.tracker.call_by_extension(extension) or by.user_id in self.watches:
            raise InACall
        if not self._seats.of(user_id).paused:
            raise AtWork
        await self._audited(by, "practice.play_caller", f"seat:{user_id}")
        auto = "PJSIP_HEADER(add,Alert-Info)=<http://auto>;info=auto-answer"
        seat = await self._only_practising(user_id)
        return await self._call_trainee(seat.device, seat.region_id, device, "", auto)

    async def ready(self, user_id: int) -> None:
        """就绪. After a practice call the seat stays paused for practice; pressed once more, it means real callers again."""
        seat = self._seats.of(user_id)
        if seat.wrap_up_call and seat.last_call and seat.last_call.is_practice:
            seat.wrap_up_call = ""
            await self._seats.hold_back(seat, PRACTICE)
        else:
            await self._free(user_id)

    async def _free(self, user_id: int) -> None:
        """The operator takes real callers again; call control adds those who are to be called back."""
        await self._seats.ready(user_id)

    async def _only_practising(self, user_id: int) -> Seat:
        """The operator's seat, now paused so that no real caller rings it; raises InACall, NotSignedIn."""
        seat = self._seats.of(user_id)
        if seat.wrap_up_call:
            raise InACall
        await self._seats.hold_back(seat, PRACTICE)
        if self.board.tracker.call_by_extension(seat.extension):  # a real one was quicker
            raise InACall
        return seat

    def _said(self, key: str) -> str:
        """The channel variable with the sentences of the sample caller."""
        sample = samples().get(key)
        if sample is None:
            raise SampleUnknown
        return "__SAYS=" + "|".join(self._controller.sound(prompt) for prompt in sample.says)

    async def _call_trainee(
        self, rung: str, region_id: int | None, channel: str, key: str, variable: str
    ) -> str:
        """Make `channel` the caller of the telephone `rung`, on a line of the region; returns the call's linkedid."""
        controller, settings = self._controller, self._settings
        linkedid = f"{settings.asterisk.system_name}-try-{uuid.uuid4().hex[:12]}"
        other = f"{linkedid};2"
        own = (line.number for line in controller.lines.values() if line.region_id == region_id)
        number = next(own, settings.line.number)
        call, arrived = self.board.tracker.expect_practice(linkedid, other, number, key, self._clock.now())
        controller.journal.add(arrived)
        controller.caller_of(call)
        await self._ami.action(
            "Originate", Channel=channel, Context="practice", Exten="s", Priority=1, Async="true",
            Timeout=ANSWER_LIMIT_MS, ChannelId=linkedid, OtherChannelId=other, CallerID=f"{number} <{number}>",
            Variable=["PRACTICE=yes", f"DEVICE={rung}", variable],
        )  # fmt: skip
        return linkedid
