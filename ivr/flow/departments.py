"""Choosing a department or a subject, hearing frequent answers, being put through (M-15…M-18)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from core.calendar.holidays import load_calendar
from core.clock import beijing
from core.languages import LANGUAGES, MANDARIN
from core.units import ConnectionState, Region, UnitDuty
from ivr.flow.context import Branch, Handler, HotAnswer
from ivr.menus.walk import Item
from ivr.speech import spoken
from ivr.talks import directory
from recordings import ledger
from recordings.calls import last_operator

SUBJECTS = {
    "s1": "subject-social-security",
    "s2": "subject-household-police",
    "s3": "subject-education",
    "s4": "subject-health",
    "s5": "subject-housing",
    "s6": "subject-land",
    "s7": "subject-tax-commerce",
    "s8": "subject-other",
}


class Departments(Branch):
    region: Region | None = None
    """Where the unit code typed next is looked up: a county or township that was chosen; None: the line's own region."""

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "choose_level": self.choose_level,
            "counties": self.counties,
            "townships": self.townships,
            "unit_code": self.unit_code,
            "hours": self.hours,
            "subjects": self.subjects,
            "subject_questions": self.subject_questions,
            "hot_questions": self.hot_questions,
            "notices": self.notices,
            "transfer": self.transfer,
            "operator_hours": self.operator_hours,
            "languages": self.languages,
            "queue": self.queue,
            "hang_up": self.hang_up,
        }

    async def choose_level(self, _key: str) -> None:
        self.region = None

    async def counties(self) -> Sequence[Item]:
        async with self.deps.db.reading() as session:
            counties = await directory.children(session, self.caller.region.id)
        return [Item(await self.deps.say(county.name), county) for county in counties]

    async def townships(self) -> Sequence[Item]:
        """The townships of the county chosen, with the county's own departments first; empty where none are open (M-05)."""
        county = self.region
        assert county is not None
        async with self.deps.db.reading() as session:
            townships = await directory.children(session, county.id)
        own = [Item(["county-departments"], county)] if townships else []
        return own + [Item(await self.deps.say(township.name), township) for township in townships]

    async def unit_code(self, digits: str) -> str | None:
        region = self.region or self.caller.region
        async with self.deps.db.reading() as session:
            unit = await directory.unit_by_code(session, region.id, digits)
        if unit is None or unit.duty in {UnitDuty.CALL_CENTRE, UnitDuty.MAYOR}:
            return None
        self.use_unit(unit)
        return "not_connected" if unit.state == ConnectionState.NOT_CONNECTED else "found"

    async def hours(self) -> str:
        """M-10 「法定工作时间」: `open` or `closed`, as people answer only in the region's working hours."""
        now = self.deps.clock.now()
        async with self.deps.db.reading() as session:
            calendar = await load_calendar(session)
        if (
            self.caller.unit
        ):  # the dialplan, should it have to take a voicemail by itself, addresses it to this unit
            await self.dialogue.keep(UNIT=self.caller.unit.id)
        region = self.caller.region.code
        self.slots["hours"] = spoken.segments(
            (segment.opens, segment.closes) for segment in calendar.segments_on(beijing(now).date(), region)
        )
        return "open" if calendar.is_open(now, region) else "closed"

    async def subjects(self) -> Sequence[Item]:
        units = await self.deps.subject_units(self.caller.region.id)
        return [
            Item([prompt], (subject, units[subject]))
            for subject, prompt in SUBJECTS.items()
            if subject in units
        ]

    async def subject_questions(self) -> Sequence[Item]:
        return await self._questions(self.caller.subject)

    async def hot_questions(self) -> Sequence[Item]:
        return await self._questions(None)

    async def _questions(self, subject: str | None) -> Sequence[Item]:
        """M-18: from the same entries of the knowledge base as desk and web."""
        return await self._listed(await self.deps.hot_answers(subject))

    async def notices(self) -> Sequence[Item]:
        """M-109: those in force today."""
        return await self._listed(await self.deps.notices())

    async def _listed(self, answers: Sequence[HotAnswer]) -> Sequence[Item]:
        return [Item(await self.deps.say(answer.title), answer) for answer in answers]

    async def picked_subject(self, subject: str, unit_code: str) -> None:
        self.caller.subject = subject
        self.slots["subject"] = [SUBJECTS[subject]]
        async with self.deps.db.reading() as session:
            unit = await directory.unit_by_code(session, self.caller.region.id, unit_code)
        if unit:
            self.use_unit(unit)
            facts = [unit.name, unit.address and f"地址：{unit.address}", unit.hours_text]
            phones = "、".join(phone.number for phone in unit.phones)
            self.slots["guidance"] = await self.deps.say(
                "，".join(filter(None, [*facts, phones and f"电话：{phones}"]))
            )

    async def picked_answer(self, answer: HotAnswer) -> None:
        """The answer as it stands now: one withdrawn while the list was being read out is not spoken (M-18)."""
        current = await self.deps.read_out(answer, self.caller.linkedid)
        if current is None:
            self.slots["answer"] = ["answer-withdrawn"]
            return
        self.slots["answer"] = await self.deps.say(current.answer)
        self.caller.outcome = "self_service"

    async def transfer(self) -> None:
        """Straight from the menu to the department (M-12); nobody there: an operator."""
        unit = self.caller.unit
        assert unit is not None
        now = self.deps.clock.now()
        async with self.deps.db.reading() as session:
            try:
                target = await directory.target(session, unit.id, now, registered=self.deps.registered())
            except directory.UnitUnreachable:
                return await self.queue()
        directory.begin_transfer(self.caller.call, target, mode="menu", by="", note=self.note)
        ladder = target.ladder(self.deps.calls, self.sound)
        await self.dialogue.leave_to("to-department", LADDER=ladder)
        return None

    async def operator_hours(self) -> str:
        """As `hours`; on a line with several languages `choose`, once in a call, as the caller picks one first."""
        found, line = await self.hours(), self.caller.line
        if found == "open" and line.languages and not line.language and not self.caller.chose_language:
            return "choose"
        return found

    async def languages(self) -> Sequence[Item]:
        """Mandarin, then what the line offers."""
        self.caller.chose_language = True
        codes = self.caller.line.languages
        offered = {"": MANDARIN} | {code: LANGUAGES[code] for code in codes if code in LANGUAGES}
        return [Item(await self.deps.say(name), code) for code, name in offered.items()]

    async def picked_language(self, code: str) -> None:
        """Kept on the channel too: there it survives a restart of this process, and the dialplan reads it when it is alone."""
        self.caller.call.language = code
        await self.dialogue.keep(SKILL=code)

    async def queue(self) -> None:
        """To the operator who knows this caller's matter if that one is free, else to the queue; the caller's language counts."""
        call = self.caller.call
        call.language = call.language or self.caller.line.language
        variables = {"QUEUE_LIMIT": self.deps.calls.queue_limit_s, "SKILL": call.language}
        if device := await self._device_of_last_operator():
            call.phase, call.queued_at = "queue", self.deps.clock.now()
            self.note(ledger.QUEUED, queue="same-operator", position=1)
            await self.dialogue.leave_to("same-operator", DEVICE=device, **variables)
            return
        await self._tell_wait()
        await self.dialogue.leave_to("operators", **variables)

    async def _tell_wait(self) -> None:
        """M-13: position and expected wait, for who must wait; Asterisk's own announcement cannot say 两分钟."""
        if place := self.deps.place(self.caller.line.number, self.caller.call.language):
            ids = [*spoken.position(place.position), *spoken.expected_wait(place.minutes)]
            await self.dialogue.play([self.sound(one) for one in ids])

    async def _device_of_last_operator(self) -> str:
        hours = self.deps.calls.same_operator_hours
        if not hours or not any(character.isdigit() for character in self.caller.number):
            return ""
        since = self.deps.clock.now() - timedelta(hours=hours)
        async with self.deps.db.reading() as session:
            user_id = await last_operator(session, self.caller.number, since)
        return self.deps.free_device(user_id, self.caller.call.language) if user_id else ""

    async def hang_up(self) -> None:
        await self.dialogue.leave_to("hang-up")
