"""The tables of the directory (机构表): which columns regions, units, people, liaisons, lines and places have (M-03…M-08, M-90, M-123).

Keys are outside names (codes, numbers), never the database's: a row means the same in every database.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.accounts import ROLE_NAMES
from core.history import Facts
from core.languages import LANGUAGES
from core.organisation.cells import Column, choice, days, flag, hours, many, pattern, text, whole
from core.places import PlaceKind
from core.units import SUBJECTS, Affiliation, ConnectionState, RegionLevel, UnitDuty, UnitKind

LEVELS = {
    RegionLevel.PROVINCE: "省",
    RegionLevel.PREFECTURE: "市州",
    RegionLevel.COUNTY: "县区",
    RegionLevel.TOWNSHIP: "乡镇",
    RegionLevel.VILLAGE: "村社",
}
KINDS = {
    UnitKind.ADMINISTRATIVE: "行政机关",
    UnitKind.AUTHORISED: "法律法规授权组织",
    UnitKind.ENTRUSTED: "委托执法单位",
}
DUTIES = {
    UnitDuty.DEPARTMENT: "部门",
    UnitDuty.OFFICE: "政府办",
    UnitDuty.INSPECTION: "监察",
    UnitDuty.CALL_CENTRE: "呼叫中心",
    UnitDuty.MAYOR: "市长热线",
}
AFFILIATIONS = {
    Affiliation.LOCAL: "本级",
    Affiliation.PROVINCIAL: "省直管",
    Affiliation.CENTRAL: "中央直管",
    Affiliation.ENTERPRISE: "公共服务企业",
}
STATES = {
    ConnectionState.NOT_CONNECTED: "未接入",
    ConnectionState.TRIAL: "试运行",
    ConnectionState.LIVE: "正式",
}
PLACES = {
    PlaceKind.HALL: "政务服务大厅",
    PlaceKind.BRANCH: "分厅",
    PlaceKind.CENTRE: "便民服务中心",
    PlaceKind.AGENT: "代办点",
}
_region_code = pattern(r"[0-9A-Za-z]{1,12}", "1～12 位数字或字母的地区代码")
_unit_code = pattern(r"[0-9]{3}", "三位数字")
_unit_key = pattern(r"[0-9A-Za-z]{1,12}/[0-9]{3}", "“地区代码/部门代码”，如 5399/101")
_username = pattern(r"[a-z][a-z0-9_.-]{1,39}", "小写字母开头，2～40 位小写字母、数字或 . _ -")
_phone = pattern(r"\+?[0-9]{3,15}", "电话号码，只用数字")


@dataclass(frozen=True)
class Table:
    """A kind of thing: its key and label are made from these columns."""

    kind: str
    title: str
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...]
    label_column: str
    is_removable: bool = True

    def key(self, facts: Facts) -> str:
        return "/".join(str(facts[name]) for name in self.key_columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def defaults(self) -> Facts:
        return {column.name: column.default for column in self.columns}

    def shown(self, facts: Facts) -> dict[str, str]:
        """Every value as it stands in a cell."""
        return {column.name: column.show(facts.get(column.name)) for column in self.columns}


REGION = Table(
    "region", "地区",
    (
        Column("code", "地区代码", _region_code, "如行政区划代码，建立后不改", required=True),
        Column("name", "名称", text(60), required=True),
        Column("level", "级别", choice(LEVELS), required=True, names=LEVELS),
        Column("parent", "上级代码", _region_code, "省级留空"),
        Column("townships_on", "推行乡级", flag, "只对县区有效：关闭时乡镇不在语音、话务台和网页中出现", default=False),
    ),
    ("code",), "name", is_removable=False,
)  # fmt: skip
UNIT = Table(
    "unit", "单位",
    (
        Column("region", "地区代码", _region_code, required=True),
        Column("code", "部门代码", _unit_code, "语音菜单中按的三位数字", required=True),
        Column("name", "名称", text(80), "语音中播报此名称", required=True),
        Column("short_name", "简称", text(40)),
        Column("kind", "类别", choice(KINDS), default=str(UnitKind.ADMINISTRATIVE), names=KINDS),
        Column("duty", "职能", choice(DUTIES), "每个地区一个政府办、一个监察", default=str(UnitDuty.DEPARTMENT), names=DUTIES),
        Column("affiliation", "隶属", choice(AFFILIATIONS), default=str(Affiliation.LOCAL), names=AFFILIATIONS),
        Column("supervising", "主管单位", _unit_key, "授权、委托单位的行政主管部门，写成 5399/101"),
        Column("inspection", "监察单位", _unit_key, "省直管、中央直管单位和乡镇由哪个监察机关受理投诉，写成 53/901；留空为本级监察"),
        Column("state", "接入状态", choice(STATES), default=str(ConnectionState.LIVE), names=STATES),
        Column("address", "地址", text(200)),
        Column("hours", "办公时间", text(200)),
        Column("phones", "服务电话", many(_phone), "按接听顺序，用顿号分开", default=[]),
        Column("subjects", "负责主题", many(choice(SUBJECTS)), "、".join(SUBJECTS.values()), default=[], names=SUBJECTS),
        Column("is_active", "启用", flag, default=True),
    ),
    ("region", "code"), "name", is_removable=False,
)  # fmt: skip
ACCOUNT = Table(
    "account", "人员",
    (
        Column("username", "用户名", _username, "建立后不改", required=True),
        Column("name", "姓名", text(40), required=True),
        Column("roles", "角色", many(choice(ROLE_NAMES)), "、".join(ROLE_NAMES.values()), required=True, default=[], names=ROLE_NAMES),
        Column("unit", "单位", _unit_key, "写成 5399/101；联络员、单位负责人、政府办、监察必填"),
        Column("region", "地区代码", _region_code, "没有单位的填写；留空为单位所在地区"),
        Column("staff_number", "工号", pattern(r"[0-9]{1,8}", "1～8 位数字"), "话务员报给来电人的号码"),
        Column("extension", "分机", pattern(r"[0-9]{3,8}", "3～8 位数字")),
        Column("languages", "语言", many(choice(LANGUAGES)), f"话务员会说的：{'、'.join(LANGUAGES.values())}", default=[], names=LANGUAGES),
        Column("is_active", "启用", flag, default=True),
    ),
    ("username",), "name", is_removable=False,
)  # fmt: skip
LIAISON = Table(
    "liaison", "联络员",
    (
        Column("unit", "单位", _unit_key, "写成 5399/101", required=True),
        Column("username", "用户名", _username, "人员表或账号中已有的用户名", required=True),
        Column("position", "顺序", whole(1, 99), "1 先接听，2 起为后备", default=1),
        Column("outside", "外线号码", _phone, "没有分机或分机未登录时拨打"),
        Column("duty_hours", "值守时间", hours, "如 08:30-12:00 14:30-18:00，留空为全部工作时间"),
        Column("leaves", "请假", many(days), "如 2026-12-01~2026-12-05，用顿号分开", default=[]),
    ),
    ("unit", "username"), "username",
)  # fmt: skip
LINE = Table(
    "line", "专线",
    (
        Column("number", "号码", pattern(r"[0-9]{3,20}", "中继送来的被叫号码，3～20 位数字"), required=True),
        Column("name", "名称", text(60), required=True),
        Column("region", "地区代码", _region_code, required=True),
        Column("state", "接入状态", choice(STATES), default=str(ConnectionState.LIVE), names=STATES),
        Column("capacity", "同时通话数", whole(1, 9999), "留空为不单独限制", default=None),
        Column("menu", "起始菜单", pattern(r"[A-Z][A-Z-]{0,19}", "语音菜单的节点编号"), "投诉专用号码填 C，留空为通常的开始"),
        Column("greeting", "欢迎词", text(400), "代替通常的欢迎词，须说明通话将被录音"),
        Column("languages", "可选语言", many(choice(LANGUAGES)), "转人工前请来电人选择，依此顺序；留空不问", default=[], names=LANGUAGES),
        Column("language", "专用语言", choice(LANGUAGES), "全部来电都找会说此语言的话务员，不再询问", names=LANGUAGES),
        Column("overflow", "援助地区", _region_code, "等待过长时由此地区的话务员一同接听"),
        Column("overflow_wait_s", "援助等待秒数", whole(5, 3600), default=60),
        Column("overflow_length", "援助排队人数", whole(1, 999), default=5),
    ),
    ("number",), "name",
)  # fmt: skip
PLACE = Table(
    "place", "办事场所",
    (
        Column("region", "地区代码", _region_code, required=True),
        Column("name", "名称", text(80), required=True),
        Column("kind", "类别", choice(PLACES), required=True, names=PLACES),
        Column("address", "地址", text(200)),
        Column("hours", "办公时间", text(200)),
        Column("phone", "电话", _phone),
        Column("contact", "联系人", text(40), "代办点填代办员姓名"),
        Column("units", "进驻单位", many(_unit_key), "写成 5399/101，用顿号分开", default=[]),
        Column("services", "受理事项", many(text(80)), "每个事项在本地区只有一个受理场所", default=[]),
    ),
    ("region", "name"), "name",
)  # fmt: skip
SHEETS: Mapping[str, Table] = {table.kind: table for table in (REGION, UNIT, ACCOUNT, LIAISON, LINE, PLACE)}
"""What a file may hold, in the order it must be stored."""
TABLES: Mapping[str, Table] = {kind: table for kind, table in SHEETS.items() if table is not ACCOUNT}
"""What the directory's pages keep; accounts have pages of their own."""
