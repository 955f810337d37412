"""Papers of a notice (依据、签字扫描件、政务栏照片): added and taken back in the stage they belong to (M-112…M-114).

Checked, scanned and kept like the papers of tickets, beside them.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput, NotFound
from core.people import User
from tickets.finances import way
from tickets.finances.marks import mark
from tickets.finances.models import FinanceNotice, FinancePaper
from tickets.finances.stages import PURPOSES, STAGE_OF, Purpose
from tickets.intake.attachments import Received


async def add(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, purpose: Purpose, sent: Received
) -> None:
    """All that was sent, for one purpose; raises NotFound, NotAllowed, WrongStage, InvalidInput for nothing."""
    if purpose not in STAGE_OF:
        raise InvalidInput(field="材料种类", reason="请从列表中选择")
    notice = await way.claim(session, clock, user, notice_id, STAGE_OF[purpose])
    if not sent.papers:
        raise InvalidInput(field=PURPOSES[purpose], reason="请选择文件")
    attach(session, clock, user, notice, purpose, sent)
    names = "、".join(paper.name for paper in sent.papers)
    await mark(session, clock, user, notice, "paper", f"{PURPOSES[purpose]}：{names}")


def attach(
    session: AsyncSession, clock: Clock, user: User, notice: FinanceNotice, purpose: Purpose, sent: Received
) -> None:
    """What was sent belongs to the notice from the commit on."""
    sent.are_attached = True
    session.add_all(
        FinancePaper(
            public_id=paper.public_id, notice_id=notice.id, purpose=purpose, name=paper.name,
            media_type=paper.media_type, size=paper.size, sha256=paper.sha256, added_at=clock.now(),
            added_by_id=user.id,
        )
        for paper in sent.papers
    )  # fmt: skip


async def take_back(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, public_id: str
) -> None:
    """A paper added by mistake, in its stage; raises NotFound, NotAllowed, WrongStage."""
    paper = await paper_of(session, notice_id, public_id)
    stage = STAGE_OF.get(Purpose(paper.purpose))
    if stage is None:
        raise NotFound
    notice = await way.claim(session, clock, user, notice_id, stage)
    paper.void_at = clock.now()
    await mark(
        session, clock, user, notice, "void_paper", f"{PURPOSES[Purpose(paper.purpose)]}：{paper.name}"
    )


async def paper_of(session: AsyncSession, notice_id: int, public_id: str) -> FinancePaper:
    """One in force, of a notice that the asker may see; raises NotFound."""
    wanted = FinancePaper.notice_id == notice_id, FinancePaper.public_id == public_id
    paper = await session.scalar(select(FinancePaper).where(*wanted, FinancePaper.void_at.is_(None)))
    if paper is None:
        raise NotFound
    return paper
