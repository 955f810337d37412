"""From draft to published by three people, revisions, withdrawal, and whose entry it is, on both engines."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from support.kb import FIELDS, Office

from core.clock import ShiftedClock
from core.db import Database
from core.errors import Conflict, InvalidInput
from core.people import Role
from core.units import Region, RegionLevel, ServicePhone
from kb import entries, feedback, figures, from_reply, kinds, readings, workflow
from kb.access import Editor, actors
from kb.entries import find
from kb.errors import (
    AlreadyProposed,
    EntryIncomplete,
    KbReasonMissing,
    NotProposable,
    NotYourUnit,
    Outdated,
    OwnCheck,
    OwnText,
    PersonalData,
    ReadOnlyEntry,
    WrongState,
)
from kb.fields import EntryFields
from kb.kinds import Notice
from kb.lifecycle import Action, Actor
from kb.models import Audience, Entry, EntryKind, EntryState, EntryStep, EntryVersion


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db, ShiftedClock(datetime(2026, 6, 1, 2, tzinfo=UTC))).build()


async def entry_of(office: Office, entry_id: int) -> Entry:
    async with office.db.reading() as session:
        return await find(session, entry_id)


async def rewrite(office: Office, entry_id: int, answer: str, editor: Editor | None = None) -> None:
    async with office.db.unit_of_work() as session:
        entry = await find(session, entry_id)
        fields = replace(workflow.prepared(entry), answer=answer)
        await entries.edit(session, office.clock, editor or office.fund, entry_id, fields, seen=entry.edit_no)


async def test_three_people_take_a_draft_to_published(office: Office):
    """M-68: each step is kept with name, time and the states it led between."""
    entry_id = await office.publish()
    assert (await entry_of(office, entry_id)).state == EntryState.PUBLISHED
    async with office.db.reading() as session:
        steps = (await session.scalars(select(EntryStep).order_by(EntryStep.id))).all()
    assert [(one.action, one.after, one.user_id) for one in steps] == [
        ("create", "draft", office.fund.user_id),
        ("submit", "unit_check", office.fund.user_id),
        ("pass_unit", "secrecy", office.fund_head.user_id),
        ("publish", "published", office.secrecy.user_id),
    ]
    assert steps[0].at == office.clock.now().replace(microsecond=steps[0].at.microsecond)


async def test_who_wrote_does_not_check_and_who_checked_does_not_publish(office: Office):
    """One person with every role still needs two others; the refusals say so."""
    everything = frozenset({Role.LIAISON, Role.HEAD, Role.SECRECY})
    author, checker = (replace(one, roles=everything) for one in (office.fund, office.fund_head))
    entry_id = await office.draft(editor=author)
    await office.act(entry_id, author, Action.SUBMIT)
    with pytest.raises(OwnText):
        await office.act(entry_id, author, Action.PASS_UNIT)
    await office.act(entry_id, checker, Action.PASS_UNIT)
    with pytest.raises(OwnText):
        await office.act(entry_id, author, Action.PUBLISH)
    with pytest.raises(OwnCheck):
        await office.act(entry_id, checker, Action.PUBLISH)
    await office.act(entry_id, office.secrecy, Action.PUBLISH)


async def test_refusing_needs_a_reason_and_leads_back_to_the_draft(office: Office):
    """Both checks send back with a reason that the record keeps; the author may also take it back."""
    entry_id = await office.draft()
    await office.act(entry_id, office.fund, Action.SUBMIT)
    with pytest.raises(KbReasonMissing):
        await office.act(entry_id, office.fund_head, Action.SEND_BACK, reason="  ")
    await office.act(entry_id, office.fund_head, Action.SEND_BACK, reason="请写明窗口地址")
    await office.act(entry_id, office.fund, Action.SUBMIT)
    await office.act(entry_id, office.fund_head, Action.PASS_UNIT)
    await office.act(entry_id, office.secrecy, Action.SEND_BACK, reason="含内部电话")
    await office.act(entry_id, office.fund, Action.SUBMIT, Action.RECALL)
    assert (await entry_of(office, entry_id)).state == EntryState.DRAFT
    async with office.db.reading() as session:
        reasons = (
            await session.scalars(select(EntryStep.reason).where(EntryStep.action == "send_back"))
        ).all()
    assert reasons == ["请写明窗口地址", "含内部电话"]


async def test_states_follow_their_order(office: Office):
    """A draft is not published unchecked, a text under check is not edited, what is discarded stays away."""
    entry_id = await office.draft()
    with pytest.raises(WrongState, match="草稿"):
        await office.act(entry_id, office.secrecy, Action.PUBLISH)
    await office.act(entry_id, office.fund, Action.SUBMIT)
    with pytest.raises(WrongState, match="待单位审核"):
        await rewrite(office, entry_id, "改")
    await office.act(entry_id, office.fund, Action.RECALL, Action.DISCARD)
    assert (await entry_of(office, entry_id)).state == EntryState.WITHDRAWN


async def test_each_unit_edits_only_its_own(office: Office):
    """M-67: unit A cannot change B's entry; the office may for its level, a head of another unit checks nothing."""
    entry_id = await office.publish()
    with pytest.raises(NotYourUnit, match="公积金中心"):
        await rewrite(office, entry_id, "改", office.police)
    with pytest.raises(NotYourUnit):
        await office.act(entry_id, office.police, Action.WITHDRAW, reason="不对")
    await rewrite(office, entry_id, "政府办改的", office.gov)
    await office.act(entry_id, office.fund, Action.SUBMIT)
    with pytest.raises(NotYourUnit):
        await office.act(entry_id, office.police_head, Action.PASS_UNIT)
    async with office.db.unit_of_work() as session:
        with pytest.raises(NotYourUnit):
            await entries.create(session, office.clock, office.police, FIELDS, unit_id=office.fund.unit_id)


async def test_offices_keep_to_their_level_and_secrecy_to_its_region(office: Office):
    """A county's office has no say in the prefecture's entries; secrecy has one in its region and below."""
    entry_id = await office.draft()
    async with office.db.unit_of_work() as session:
        county = Region(code="539901", name="示范县", level=RegionLevel.COUNTY, parent_id=office.region_id)
        session.add(county)
        await session.flush()
        entry = await find(session, entry_id)
        below = replace(office.gov, region_id=county.id)
        assert await actors(session, below, entry) == frozenset()
        assert await actors(session, replace(office.secrecy, region_id=county.id), entry) == frozenset()
        entry.unit.region_id = county.id
        assert await actors(session, office.secrecy, entry) == {Actor.SEC}
        assert await actors(session, office.gov, entry) == frozenset()


async def test_the_old_text_stays_until_the_new_one_is_published(office: Office):
    """A revision walks both checks while the public text stays; the text it replaces is kept as a version."""
    entry_id = await office.publish()
    await rewrite(office, entry_id, "新的答复")
    await office.act(entry_id, office.fund, Action.SUBMIT)
    await office.act(entry_id, office.fund_head, Action.PASS_UNIT)
    entry = await entry_of(office, entry_id)
    assert (entry.state, entry.answer) == (EntryState.PUBLISHED, FIELDS.answer)
    await office.act(entry_id, office.secrecy, Action.PUBLISH)
    entry = await entry_of(office, entry_id)
    assert (entry.answer, entry.version, entry.pending) == ("新的答复", 2, None)
    async with office.db.reading() as session:
        kept = (await session.scalars(select(EntryVersion))).one()
    assert (kept.version, kept.fields["answer"]) == (1, FIELDS.answer)


async def test_a_withdrawn_entry_comes_back_only_through_both_checks(office: Office):
    """Withdrawn at once and with a reason; its revision makes it public again when it is published."""
    entry_id = await office.publish()
    with pytest.raises(KbReasonMissing):
        await office.act(entry_id, office.fund, Action.WITHDRAW)
    await office.withdraw(entry_id)
    await rewrite(office, entry_id, "更正后的答复")
    await office.take_through(entry_id)
    entry = await entry_of(office, entry_id)
    assert (entry.state, entry.answer) == (EntryState.PUBLISHED, "更正后的答复")


async def test_a_revision_can_be_thrown_away(office: Office):
    """Discarding a revision leaves the public text as it is."""
    entry_id = await office.publish()
    await rewrite(office, entry_id, "不要了")
    await office.act(entry_id, office.fund, Action.DISCARD)
    entry = await entry_of(office, entry_id)
    assert (entry.state, entry.pending, entry.pending_state) == (EntryState.PUBLISHED, None, None)


async def test_the_slower_of_two_editors_is_told(office: Office):
    """Two people change one text: the second to save gets a conflict, nothing is overwritten; of a revision too."""
    entry_id = await office.draft()
    for published in (False, True):
        if published:
            await office.take_through(entry_id)
        seen = (await entry_of(office, entry_id)).edit_no
        async with office.db.unit_of_work() as session:
            await entries.edit(
                session, office.clock, office.fund, entry_id, replace(FIELDS, title="甲"), seen=seen
            )
        with pytest.raises(Conflict):
            async with office.db.unit_of_work() as session:
                await entries.edit(
                    session, office.clock, office.fund, entry_id, replace(FIELDS, title="乙"), seen=seen
                )
        assert workflow.prepared(await entry_of(office, entry_id)).title == "甲"


async def test_a_service_item_names_its_fee_or_is_not_submitted(office: Office):
    """M-69: without 收费标准 refused; 不收费 is a value."""
    details = dict.fromkeys((field.key for field in kinds.FIELDS[EntryKind.ITEM] if field.required), "见指南")
    item = EntryFields("食品经营许可", kind=EntryKind.ITEM, details=details | {"fee": " "})
    entry_id = await office.draft(item)
    with pytest.raises(EntryIncomplete, match="收费标准"):
        await office.act(entry_id, office.fund, Action.SUBMIT)
    await office.publish(replace(item, details=details | {"fee": "不收费"}))


@pytest.mark.parametrize(
    ("sort", "details", "missing"),
    [
        (Notice.HEARING, {"held_on": "2026-07-01", "place": "会议室"}, "报名方式"),
        (Notice.PUBLICITY, {"objection": "来电来函"}, "公示起始日期、公示截止日期"),
        (Notice.BULLETIN, {}, "通报日期"),
        (Notice.EXAMPLE, {}, "经验做法"),
        (Notice.EXPOSURE, {"fault": "群众来电三次，三次推给别的单位"}, "整改情况"),
    ],
)
async def test_each_sort_of_notice_names_its_dates(
    office: Office, sort: Notice, details: dict[str, str], missing: str
):
    """M-109: a hearing its day, place and sign-up way, a 公示 its period, a 通报 its date; M-135: cases what was done."""
    entry_id = await office.draft(
        EntryFields("公告", "内容。", kind=EntryKind.NOTICE, details=details | {"notice": sort})
    )
    with pytest.raises(EntryIncomplete, match=missing):
        await office.act(entry_id, office.fund, Action.SUBMIT)


async def test_a_publicity_past_its_period_leaves_by_itself(office: Office):
    """M-109: on the boards and in the menu until its last day, then gone without anybody; a hearing with its day."""
    notice = EntryFields(
        "拟表彰名单公示", "名单如下。", kind=EntryKind.NOTICE, subject="s1", is_hot=True,
        details={"notice": Notice.PUBLICITY, "objection": "来电来函"},
        valid_from_on=date(2026, 6, 1), valid_to_on=date(2026, 6, 5),
    )  # fmt: skip
    hearing = EntryFields(
        "供水价格听证", "欢迎参加。", kind=EntryKind.NOTICE,
        details={"notice": Notice.HEARING, "held_on": "2026-06-20", "place": "会议室", "sign_up": "来电"},
    )  # fmt: skip
    first, second = await office.publish(notice), await office.publish(hearing)
    async with office.db.unit_of_work() as session:
        assert {one.id for one in await entries.notices(session, date(2026, 6, 5))} == {first, second}
        assert [one.id for one in await entries.hot(session, date(2026, 6, 5), "s1")] == [first]
        assert [one.id for one in await entries.notices(session, date(2026, 6, 6))] == [second]
        assert await entries.hot(session, date(2026, 6, 6), "s1") == []
        office.clock.move_to(datetime(2026, 6, 20, 16, 0, 1, tzinfo=UTC))
        assert set(await workflow.expire_due(session, office.clock)) == {first, second}


async def test_what_is_past_its_last_day_is_not_published(office: Office):
    """The checker is told to change the dates first."""
    with pytest.raises(Outdated):
        await office.publish(replace(FIELDS, valid_to_on=date(2026, 5, 31)))


async def test_personal_data_is_taken_out_or_confirmed(office: Office):
    """§5.10: a number stops the text until somebody confirms it is public; an identity card always does."""
    async with office.db.unit_of_work() as session:
        session.add(ServicePhone(unit_id=office.fund.unit_id, number="0872-2123456"))
    await office.publish(replace(FIELDS, answer="咨询电话08722123456。"))
    entry_id = await office.draft(replace(FIELDS, answer="请拨打13812345678。"))
    with pytest.raises(PersonalData, match="手机号码"):
        await office.act(entry_id, office.fund, Action.SUBMIT)
    async with office.db.unit_of_work() as session:
        await workflow.act(session, office.clock, office.fund, entry_id, Action.SUBMIT, checked=True)
    card = await office.draft(replace(FIELDS, answer="证号530102199003071234。"))
    async with office.db.unit_of_work() as session:
        with pytest.raises(PersonalData, match="身份证"):
            await workflow.act(session, office.clock, office.fund, card, Action.SUBMIT, checked=True)


async def test_base_information_is_read_only_but_can_be_taken_down(office: Office):
    """M-64: changed at its source; in an emergency secrecy takes it down here."""
    async with office.db.unit_of_work() as session:
        now = office.clock.now()
        entry = Entry(kind=EntryKind.DOCUMENT, title="文件", source="公开库", source_id="1", unit_id=office.fund.unit_id,
                      created_at=now, changed_at=now, state=EntryState.PUBLISHED, audience=Audience.PUBLIC)  # fmt: skip
        session.add(entry)
    with pytest.raises(ReadOnlyEntry, match="公开库"):
        await rewrite(office, entry.id, "改")
    with pytest.raises(ReadOnlyEntry):
        await office.act(entry.id, office.fund, Action.WITHDRAW, reason="过时")
    await office.act(entry.id, office.secrecy, Action.WITHDRAW, reason="误公开")
    assert (await entry_of(office, entry.id)).held_back


async def test_review_is_due_until_somebody_confirms(office: Office):
    """M-68: the reminder stands until the text is confirmed for a later day, which leaves a version."""
    entry_id = await office.publish(replace(FIELDS, review_by_on=date(2026, 6, 1)))
    async with office.db.unit_of_work() as session:
        assert [e.id for e in await entries.due_for_review(session, date(2026, 6, 1))] == [entry_id]
        with pytest.raises(InvalidInput):
            await workflow.confirm(session, office.clock, office.fund, entry_id, date(2026, 6, 1))
        await workflow.confirm(session, office.clock, office.fund, entry_id, date(2027, 6, 1))
        assert await entries.due_for_review(session, date(2026, 6, 1)) == []


async def test_an_answer_becomes_a_draft_linked_to_its_ticket(office: Office):
    """M-66: only with both ticks, once per ticket, personal data named, the question's first sentence as title."""
    answer = {
        "ticket_no": "26060100017", "answer": "请刘备本人带证件到窗口，或电13812345678。",
        "question": "公积金怎样提取？我叫刘备，急用。", "personal": ["刘备", "13812345678"],
    }  # fmt: skip
    async with office.db.unit_of_work() as session:
        for ticks in ((True, False), (False, True)):
            with pytest.raises(NotProposable):
                await from_reply.propose(
                    session, office.clock, office.fund, **answer, is_common=ticks[0], may_be_public=ticks[1]
                )
        made = await from_reply.propose(
            session, office.clock, office.fund, **answer, is_common=True, may_be_public=True
        )
        assert (made.entry.title, made.entry.state) == ("公积金怎样提取？", EntryState.DRAFT)
        assert sorted(one.text for one in made.findings) == ["13812345678", "刘备"]
        with pytest.raises(AlreadyProposed, match="公积金"):
            await from_reply.propose(
                session, office.clock, office.fund, **answer, is_common=True, may_be_public=True
            )
    with pytest.raises(PersonalData):
        await office.act(made.entry.id, office.fund, Action.SUBMIT)
    await office.act(made.entry.id, office.fund, Action.DISCARD)
    async with office.db.reading() as session:
        assert await from_reply.entry_of(session, "26060100017") is None


async def test_use_is_counted_with_the_tickets_it_went_into(office: Office):
    """Chosen twice by two people, once on a ticket: the entry knows the ticket, the ticket the entry."""
    entry_id = await office.publish()
    async with office.db.unit_of_work() as session:
        for person, ticket_no in ((office.fund, None), (office.police, "26060100017")):
            await feedback.chosen(
                session,
                office.clock,
                query="公积金",
                entry_id=entry_id,
                user_id=person.user_id,
                ticket_no=ticket_no,
            )
    async with office.db.reading() as session:
        use = await figures.use_of(session, entry_id)
        assert (use.chosen, use.people, use.tickets) == (2, 2, ("26060100017",))
        assert [one.id for one in await figures.used_on(session, "26060100017")] == [entry_id]
        assert await figures.used_on(session, "26060100018") == []


async def test_what_was_read_and_read_out_is_kept_with_the_ticket(office: Office):
    """M-18, M-22: what went into the answer first, then what was read for it and heard in its call, each once; others' not."""
    written, opened, heard, other = [await office.publish() for _ in range(4)]
    number, user_id = "26060100017", office.fund.user_id
    async with office.db.unit_of_work() as session:
        await readings.note(session, office.clock, heard, linkedid="n1-1.1")
        await readings.note(session, office.clock, opened, user_id=user_id, ticket_no=number)
        await readings.note(session, office.clock, written, user_id=user_id, ticket_no=number)
        await readings.note(session, office.clock, other, linkedid="n1-2.2")
        await feedback.chosen(
            session, office.clock, query="提取", entry_id=written, user_id=user_id, ticket_no=number
        )
        noted = await readings.consulted(session, number, ["n1-1.1"])
        assert [(one.entry.id, one.how.value) for one in noted] == [
            (written, "写入答复"), (heard, "电话播报"), (opened, "查阅")
        ]  # fmt: skip
        use = await figures.use_of(session, heard)
        assert (use.chosen, use.read, use.spoken) == (0, 0, 1)
        assert (await figures.use_of(session, opened)).read == 1
