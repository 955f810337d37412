"""How long audio is kept (录音保存期限, mission §5.10): which recordings are past their time, by what they belong to.

A talk is kept for a year; what belongs to a complaint, for two years from its closing, and for as long as it is open;
a voicemail, with its ticket, for good. Whether they are removed then is `recordings.keeping.purge`'s.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import aliased

from recordings.models import Call, Recording, RecordingKind
from recordings.settings import RecordingSettings
from tickets.models import Ticket, TicketKind

_PLAIN = (RecordingKind.TALK, RecordingKind.CONSULT)


def past_their_time(
    now: datetime, settings: RecordingSettings, regions: frozenset[int]
) -> ColumnElement[bool]:
    """The condition on `Recording` of these regions."""
    talk_until = now - timedelta(days=settings.keep_talk_days)
    complaint_until = now - timedelta(days=settings.keep_complaint_days)
    old_talk = Recording.kind.in_(_PLAIN) & (Recording.started_at < talk_until)
    old_complaint = (Recording.kind == RecordingKind.COMPLAINT) & (Recording.started_at < complaint_until)
    of_regions = Recording.call_id.in_(select(Call.id).where(Call.region_id.in_(regions)))
    return of_regions & or_(old_talk, old_complaint) & ~_needed_by_a_complaint(complaint_until)


def _needed_by_a_complaint(closed_before: datetime) -> ColumnElement[bool]:
    """Heard in a complaint, or in the call of the ticket complained about, that is open or closed lately."""
    complaint, about = aliased(Ticket), aliased(Ticket)
    is_fresh = complaint.closed_at.is_(None) | (complaint.closed_at >= closed_before)
    own = (complaint.recording_id == Recording.id) | (complaint.call_id == Recording.call_id)
    lodged = exists().where(complaint.kind == TicketKind.COMPLAINT, is_fresh, own)
    complained = exists().where(
        complaint.kind == TicketKind.COMPLAINT, is_fresh, about.id == complaint.about_id,
        about.call_id == Recording.call_id,
    )  # fmt: skip
    return or_(lodged, complained)
