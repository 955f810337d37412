"""Everything of one notice in force (全部材料), and what its stage still lacks: one rule a stage (M-112…M-115)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from kb import personal
from tickets.finances.models import (
    FinanceChannel,
    FinanceMark,
    FinanceNotice,
    FinanceNumber,
    FinancePaper,
    FinanceSignature,
)
from tickets.finances.stages import (
    BASES,
    PURPOSES,
    SIGNATORIES,
    SUBJECTS,
    Channel,
    Level,
    Purpose,
    Signatory,
    Stage,
    Subject,
)

NEVER_PUBLIC = frozenset({personal.Kind.ID_CARD, personal.Kind.BANK_CARD, personal.Kind.MOBILE})
"""What no published finances show of anybody (§5.10)."""
LEAST = 1
"""So many of each category sign where the supervising body has set no number."""


@dataclass(frozen=True)
class Dossier:
    """What was taken back or began anew is not in it."""

    notice: FinanceNotice
    papers: Sequence[FinancePaper]
    signatures: Sequence[FinanceSignature]
    channels: Mapping[Channel, FinanceChannel]
    numbers: Mapping[Signatory, int]

    def has_paper(self, *purposes: Purpose) -> bool:
        return any(paper.purpose in purposes for paper in self.papers)

    def papers_for(self, *purposes: Purpose) -> list[FinancePaper]:
        return [paper for paper in self.papers if paper.purpose in purposes]

    @property
    def signed(self) -> Counter[str]:
        """How many of each category have signed."""
        return Counter(signature.category for signature in self.signatures)

    @property
    def lacking(self) -> list[str]:
        """What the stage it is in still needs, each in a few Chinese words; empty: the stage can be finished."""
        return _RULES[Stage(self.notice.stage)](self)


async def dossier_of(session: AsyncSession, notice: FinanceNotice) -> Dossier:
    """Read anew, in the order things were entered."""
    mine = FinancePaper.notice_id == notice.id, FinancePaper.void_at.is_(None)
    papers = await session.scalars(select(FinancePaper).where(*mine).order_by(FinancePaper.id))
    theirs = FinanceSignature.notice_id == notice.id, FinanceSignature.void_at.is_(None)
    signatures = await session.scalars(select(FinanceSignature).where(*theirs).order_by(FinanceSignature.id))
    ways = select(FinanceChannel).where(FinanceChannel.notice_id == notice.id).order_by(FinanceChannel.id)
    channels = {Channel(one.channel): one for one in await session.scalars(ways)}
    numbers = await numbers_of(session, notice.unit_id)
    return Dossier(notice, papers.all(), signatures.all(), channels, numbers)


async def numbers_of(session: AsyncSession, unit_id: int) -> dict[Signatory, int]:
    """How many of each category have to sign the unit's notices."""
    rows = await session.scalars(select(FinanceNumber).where(FinanceNumber.unit_id == unit_id))
    return dict.fromkeys(Signatory, LEAST) | {Signatory(row.category): row.least for row in rows}


async def marks_of(session: AsyncSession, notice: FinanceNotice) -> Sequence[FinanceMark]:
    """The way so far, oldest first."""
    wanted = select(FinanceMark).where(FinanceMark.notice_id == notice.id).order_by(FinanceMark.id)
    return (await session.scalars(wanted)).all()


def _prepared(dossier: Dossier) -> list[str]:
    notice = dossier.notice
    wanted = {
        "缺公开内容": notice.content,
        "没有勾选公开的项目": notice.subjects,
        "缺村（居）委会名称": notice.village or notice.level != Level.VILLAGE,
        "缺集体讨论决定": notice.decision,
        "缺集体讨论的日期": notice.decided_on,
    }
    lacking = [text for text, there in wanted.items() if not there]
    private = [one for one in personal.find(notice.content) if one.kind in NEVER_PUBLIC]
    return lacking + [f"公开内容中疑似有{one.kind}（{one.text}），须去除" for one in private]


def _based(dossier: Dossier) -> list[str]:
    return [
        f"“{SUBJECTS[subject]}”缺依据（{'或'.join(PURPOSES[one] for one in BASES[subject])}）"
        for subject in map(Subject, dossier.notice.subjects)
        if not dossier.has_paper(*BASES[subject])
    ]


def _reviewed(dossier: Dossier) -> list[str]:
    short = {one: least - dossier.signed[one] for one, least in dossier.numbers.items()}
    found = [f"还差{SIGNATORIES[one]} {count} 人签字" for one, count in short.items() if count > 0]
    if dossier.notice.signed_at is None:
        found.append("主要负责人没有审签")
    return found if dossier.has_paper(Purpose.SIGNATURES) else [*found, "缺签字扫描件"]


def _published(dossier: Dossier) -> list[str]:
    wanted = {
        "没有登记政务栏公开的日期": Channel.BOARD in dossier.channels,
        "缺政务栏照片": dossier.has_paper(Purpose.BOARD_PHOTO),
    }
    return [text for text, there in wanted.items() if not there]


def _archived(dossier: Dossier) -> list[str]:
    wanted = {"缺档号": dossier.notice.archive_no, "没有选择档案形式": dossier.notice.archive_form}
    return [text for text, there in wanted.items() if not there]


_RULES: dict[Stage, Callable[[Dossier], list[str]]] = {
    Stage.PREPARATION: _prepared,
    Stage.BASIS: _based,
    Stage.REVIEW: _reviewed,
    Stage.PUBLICATION: _published,
    Stage.ARCHIVE: _archived,
    Stage.FILED: lambda _: [],
}
