"""The kinds of entries (信息类型, M-69, M-109, M-110) and what each of them has to say.

One table, from which the edit form, the check before publishing, the pages and the exchange files are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.units import RegionLevel
from kb.models import Audience, Entry, EntryKind, InternalReason


class Notice(StrEnum):
    """M-109 「重大决策听证重要事项公示重点工作通报」, and case notes: M-135 「敢于曝光负面典型」"""

    HEARING = "hearing"
    PUBLICITY = "publicity"
    BULLETIN = "bulletin"
    EXAMPLE = "example"
    EXPOSURE = "exposure"


NOTICE_NAMES = {
    Notice.HEARING: "听证",
    Notice.PUBLICITY: "公示",
    Notice.BULLETIN: "通报",
    Notice.EXAMPLE: "正面典型",
    Notice.EXPOSURE: "反面典型",
}
CASES = (Notice.EXAMPLE, Notice.EXPOSURE)
"""Case notes (典型案例, M-135): they name units, never citizens. Stored as notices, shown apart from them."""
CASES_NAME = "典型案例"
KIND_NAMES = {
    EntryKind.FAQ: "常见问题",
    EntryKind.DOCUMENT: "规范性文件",
    EntryKind.ITEM: "服务事项",
    EntryKind.UNIT: "单位信息",
    EntryKind.NOTICE: "公告",
    EntryKind.GUIDE: "依申请公开指南",
}
AUDIENCE_NAMES = {Audience.PUBLIC: "公开", Audience.INTERNAL: "不公开（仅工作人员可查）"}
REASON_NAMES = {
    InternalReason.PROHIBITED: "法律、行政法规禁止公开",
    InternalReason.TRADE_SECRET: "商业秘密",
    InternalReason.PRIVACY: "个人隐私",
    InternalReason.SECURITY: "危及国家安全、公共安全、经济安全或社会稳定",
    InternalReason.INTERNAL_AFFAIRS: "内部事务信息",
    InternalReason.WORK_IN_PROGRESS: "过程性信息",
    InternalReason.CASE_FILE: "行政执法案卷信息",
}
LEVEL_NAMES = {
    RegionLevel.PROVINCE: "省级",
    RegionLevel.PREFECTURE: "州市级",
    RegionLevel.COUNTY: "县级",
    RegionLevel.TOWNSHIP: "乡级",
    RegionLevel.VILLAGE: "村级",
}


@dataclass(frozen=True)
class Field:
    """One value of `Entry.details`."""

    key: str
    label: str
    required: bool = False
    """Without it the entry is not published."""
    input: str = "text"
    """How it is typed: `text`, `lines`, `date`, or `notice` (chosen from NOTICE_NAMES)"""
    hint: str = ""
    notice: Notice | None = None
    """Only notices of this sort have it."""


BASIS = Field("basis", "法律依据", hint="法律、法规、规章或文件的名称和条款")
FIELDS: dict[EntryKind, tuple[Field, ...]] = {
    EntryKind.FAQ: (BASIS,),
    EntryKind.DOCUMENT: (
        Field("number", "文号"),
        Field("issuer", "发文机关"),
        Field("issued_on", "成文日期", input="date"),
        BASIS,
    ),
    EntryKind.ITEM: (
        Field("basis", "办理依据", True, "lines"),
        Field("conditions", "办理条件", True, "lines"),
        Field("procedure", "办理程序", True, "lines"),
        Field("time_limit", "办理时限", True),
        Field("guide", "服务指南", True, "lines", hint="窗口地址、办公时间、所需材料、咨询电话"),
        Field("fee", "收费标准", True, hint="没有收费的填写“不收费”"),
        Field("item_code", "事项编码"),
    ),
    EntryKind.UNIT: (
        Field("address", "办公地址", True),
        Field("phone", "办公电话", True, hint="对外公布的电话"),
        Field("hours", "办公时间", True),
        Field("traffic", "乘车路线"),
        BASIS,
    ),
    EntryKind.NOTICE: (
        Field("notice", "公告种类", True, "notice"),
        Field("held_on", "听证日期", True, "date", notice=Notice.HEARING),
        Field("place", "听证地点", True, notice=Notice.HEARING),
        Field("sign_up", "报名方式", True, "lines", hint="报名期限、名额和联系方式", notice=Notice.HEARING),
        Field("objection", "提出异议的方式", True, "lines", notice=Notice.PUBLICITY),
        Field("issued_on", "通报日期", True, "date", notice=Notice.BULLETIN),
        Field("merit", "经验做法", True, "lines", notice=Notice.EXAMPLE),
        Field(
            "fault",
            "存在问题",
            True,
            "lines",
            hint="写事不写人，不出现当事人的姓名和号码",
            notice=Notice.EXPOSURE,
        ),
        Field("remedy", "整改情况", True, "lines", notice=Notice.EXPOSURE),
        BASIS,
    ),
    EntryKind.GUIDE: (
        Field("receiver", "受理机构", True, hint="名称、地址、联系电话、办公时间"),
        Field("ways", "申请方式", True, "lines", hint="当面、信函、网上，各需什么材料"),
        Field("time_limit", "答复时限", True),
        Field("fee", "收费标准", True, hint="没有收费的填写“不收费”"),
        BASIS,
    ),
}


def is_case(entry: Entry) -> bool:
    """Whether it is a case note, not an answer or a notice that somebody acts upon."""
    return entry.kind == EntryKind.NOTICE and entry.details.get("notice") in CASES


def name_of(entry: Entry) -> str:
    """What sort of entry it is, as people read it."""
    return CASES_NAME if is_case(entry) else KIND_NAMES[entry.kind]


def fields_for(kind: EntryKind, details: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields of this kind; of a notice only those of its sort."""
    sort = details.get("notice", "")
    return tuple(field for field in FIELDS[kind] if field.notice is None or field.notice == sort)


def labelled(kind: EntryKind, details: Mapping[str, str]) -> dict[str, str]:
    """What the details say, by Chinese label, in the order of the table; empty ones left out."""
    return {
        field.label: NOTICE_NAMES[Notice(value)] if field.input == "notice" else value
        for field in fields_for(kind, details)
        if (value := details.get(field.key, "").strip())
    }
