"""The five stages of a notice (五个流程, M-112 「准备、依据、审核、公开、建档」) and what belongs to each. Pure.

A notice is in one stage and leaves it for the next only; there is no way past one, and none back but to the beginning.
"""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    PREPARATION = "preparation"
    BASIS = "basis"
    REVIEW = "review"
    PUBLICATION = "publication"
    ARCHIVE = "archive"
    FILED = "filed"
    """All five are done."""


class Level(StrEnum):
    """层面 (L115): whose finances are told to whom."""

    TOWNSHIP = "township"
    VILLAGE = "village"


class Subject(StrEnum):
    """What of the finances is published (L116)."""

    ACCOUNTS = "accounts"
    INCOME = "income"
    COLLECTIVE = "collective"
    SPENDING = "spending"


class Purpose(StrEnum):
    """What a paper is kept for."""

    BUDGET = "budget"
    REALISED = "realised"
    CONTRACT = "contract"
    VOUCHERS = "vouchers"
    SIGNATURES = "signatures"
    BOARD_PHOTO = "board_photo"
    PROOF = "proof"
    """Of a rectification; belongs to no stage."""


class Signatory(StrEnum):
    """Who signs what is to be published (M-113)."""

    PARTY = "party"
    CONGRESS = "congress"
    CONSULTATIVE = "consultative"
    CITIZEN = "citizen"
    STAFF = "staff"


class Channel(StrEnum):
    """By what way it is published (M-114); the board is compulsory."""

    BOARD = "board"
    MEETING = "meeting"
    LETTER = "letter"
    WEB = "web"


@dataclass(frozen=True)
class Row:
    """One stage: its name, what is done in it, the stage that follows."""

    name: str
    task: str
    following: Stage


TABLE = {
    Stage.PREPARATION: Row("准备", "写明公开的内容和层面，经集体讨论决定。", Stage.BASIS),
    Stage.BASIS: Row("依据", "为每项公开内容附上依据。", Stage.REVIEW),
    Stage.REVIEW: Row("审核", "主要负责人审签；各类代表在纸质材料上签字并附扫描件。", Stage.PUBLICATION),
    Stage.PUBLICATION: Row("公开", "按会议、政务栏、信函、网络等方式公开；政务栏必须有。", Stage.ARCHIVE),
    Stage.ARCHIVE: Row("建档", "编档号，存纸质或电子档案。", Stage.FILED),
}
STAGES = {stage: row.name for stage, row in TABLE.items()} | {Stage.FILED: "已建档"}
LEVELS = {Level.TOWNSHIP: "乡镇（街道）", Level.VILLAGE: "村（居）"}
SUBJECTS = {
    Subject.ACCOUNTS: "单位财务决算",
    Subject.INCOME: "收入",
    Subject.COLLECTIVE: "村（居）集体经济收入",
    Subject.SPENDING: "财务支出",
}
PURPOSES = {
    Purpose.BUDGET: "预算批复",
    Purpose.REALISED: "实现数",
    Purpose.CONTRACT: "合同（协议）",
    Purpose.VOUCHERS: "票、据、表",
    Purpose.SIGNATURES: "签字扫描件",
    Purpose.BOARD_PHOTO: "政务栏照片",
    Purpose.PROOF: "整改证明",
}
BASES = {
    Subject.ACCOUNTS: (Purpose.BUDGET,),
    Subject.INCOME: (Purpose.REALISED,),
    Subject.COLLECTIVE: (Purpose.REALISED, Purpose.CONTRACT),
    Subject.SPENDING: (Purpose.VOUCHERS,),
}
"""L116: what each subject is published by; one of these is enough."""
STAGE_OF = {
    Purpose.BUDGET: Stage.BASIS,
    Purpose.REALISED: Stage.BASIS,
    Purpose.CONTRACT: Stage.BASIS,
    Purpose.VOUCHERS: Stage.BASIS,
    Purpose.SIGNATURES: Stage.REVIEW,
    Purpose.BOARD_PHOTO: Stage.PUBLICATION,
}
"""The one stage in which a paper of this purpose is added or taken back."""
SIGNATORIES = {
    Signatory.PARTY: "党代表",
    Signatory.CONGRESS: "人大代表",
    Signatory.CONSULTATIVE: "政协委员",
    Signatory.CITIZEN: "普通群众代表",
    Signatory.STAFF: "机关干部职工代表",
}
CHANNELS = {Channel.BOARD: "政务栏", Channel.MEETING: "会议", Channel.LETTER: "信函", Channel.WEB: "网络"}


def papers_in(stage: Stage) -> dict[Purpose, str]:
    """The purposes of the papers that this stage takes, by name."""
    return {purpose: PURPOSES[purpose] for purpose, place in STAGE_OF.items() if place == stage}
