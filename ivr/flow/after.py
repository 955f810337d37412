"""After the talk or the message: the query code, then the survey, whoever hung up first (M-47, M-61)."""

from collections.abc import Mapping
from functools import partial

from core.db import until_stored
from ivr.flow.context import Branch, Handler
from ivr.speech import spoken
from ivr.talks import directory
from recordings import ledger
from tickets import satisfaction
from tickets.models import Channel, RatingAbout
from tickets.oversight import complaints
from tickets.oversight.causes import Cause

RATING_LIMIT_S = 1.0
"""How long the survey waits for a database that does not answer; the rating is then stored later."""
CAUSES = {
    "1": Cause.SHIRKING,
    "2": Cause.DRAGGING,
    "3": Cause.NOBODY,
    "4": Cause.FACE,
    "5": Cause.HARD,
    "6": Cause.FINANCE,
    "7": Cause.BIDDING,
    "8": Cause.OTHER,
}
"""Keys of node C-CAUSE (M-136; M-116 「财务公开监督电话」, M-132): no more causes than a listener can keep in mind; inspectors
settle the finer ones.
"""


class After(Branch):
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "issue_code": self.issue_code,
            "after_code": self.after_code,
            "complaint_cause": self.complaint_cause,
            "rate_operator": self.rate_operator,
            "rate_unit": self.rate_unit,
            "next_survey": self.next_survey,
        }

    async def issue_code(self) -> str:
        return "ready" if self.fill_code() else "none"

    def fill_code(self) -> bool:
        """Put the query code into its slot; False when this call has none."""
        if not self.caller.query_code:
            return False
        self.slots["code"] = spoken.digits(self.caller.query_code)
        return True

    async def after_code(self) -> str:
        """What comes after the query code: the cause of a complaint, the survey, or nothing more."""
        if self.caller.query_code:
            self.note(ledger.CODE_SPOKEN, times=2)
        if self.caller.complaint_id is not None:
            return "cause"
        call = self.caller.call
        if call.operator and "operator" not in self.caller.asked and call.direction != "out":
            self.caller.asked.add("operator")
            return "survey"
        return await self.next_survey()

    async def complaint_cause(self, key: str) -> None:
        """Asked last, when the complaint is stored: callers hang up once they have the code."""
        complaint_id, self.caller.complaint_id = self.caller.complaint_id, None
        if complaint_id is not None:
            await self.keep(
                until_stored(partial(self._name_cause, complaint_id, key)), "cause", RATING_LIMIT_S
            )

    async def _name_cause(self, complaint_id: int, key: str) -> None:
        async with self.deps.db.unit_of_work() as session:
            await complaints.name_cause(session, complaint_id, CAUSES[key])

    async def next_survey(self) -> str:
        """The question about the unit follows when one of its liaisons talked to the caller."""
        if "operator" in self.caller.asked and "operator" not in self.caller.rated:
            await self._rate(RatingAbout.OPERATOR, None)
        if "unit" in self.caller.asked or not self.caller.call.liaison:
            return "done"
        self.caller.asked.add("unit")
        await self._name_unit()
        return "unit"

    async def _name_unit(self) -> None:
        unit_id = self.caller.unit_id or (self.caller.unit.id if self.caller.unit else None)
        if unit_id is not None:
            async with self.deps.db.reading() as session:
                self.use_unit(await directory.unit(session, unit_id))

    async def rate_operator(self, key: str) -> None:
        await self._rate(RatingAbout.OPERATOR, int(key))

    async def rate_unit(self, key: str) -> None:
        self.caller.asked.add("unit")
        await self._rate(RatingAbout.UNIT, int(key))

    async def not_rated(self) -> None:
        """The call ends: who was asked and pressed nothing counts as asked, never as satisfied."""
        for about in (RatingAbout.OPERATOR, RatingAbout.UNIT):
            if about in self.caller.asked - self.caller.rated:
                await self._rate(about, None)

    async def _rate(self, about: RatingAbout, score: int | None) -> None:
        self.caller.rated.add(about)
        self.note(ledger.SURVEYED, about=str(about), score=score)
        work = until_stored(partial(self._store_rating, about, score))
        await self.keep(work, "rating", RATING_LIMIT_S)

    async def _store_rating(self, about: RatingAbout, score: int | None) -> None:
        by_code = self.caller.about if about == RatingAbout.UNIT and not self.caller.call.liaison else None
        call_id = await self.deps.journal.call_id(self.caller.linkedid)
        async with self.deps.db.unit_of_work() as session:
            await satisfaction.rate(
                session, self.deps.clock, call_id=None if by_code else call_id,
                ticket_id=by_code.id if by_code else None, about=about, score=score, channel=Channel.PHONE,
            )  # fmt: skip
