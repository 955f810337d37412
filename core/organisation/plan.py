"""What rows would change (导入预览): checked against what exists and against each other, before anything is stored.

Pure: it is handed a snapshot and rows and returns a plan. A plan with faults is not carried out, in no part.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import HotlineError
from core.history import Facts
from core.organisation import people
from core.organisation.files import Given
from core.organisation.tables import LEVELS, SHEETS, Table
from core.people import Role
from core.units import SUBJECTS, UnitDuty

MOST_FAULTS = 200
_RANK = {str(level): rank for rank, level in enumerate(LEVELS)}
_ONE_A_REGION = {
    str(UnitDuty.OFFICE): "政府办",
    str(UnitDuty.INSPECTION): "监察",
    str(UnitDuty.MAYOR): "市长热线",
}


class OrganisationInvalid(HotlineError):
    """Rows cannot be taken in; `faults` are the sentences, one a cell or row."""

    code = "organisation_invalid"
    status = 422
    text = "{faults}。没有导入任何内容，请改正后重试。"


@dataclass(frozen=True)
class Step:
    """One thing that changes; `before` None: it is new, `after` None: it goes."""

    kind: str
    key: str
    before: Facts | None
    after: Facts | None

    @property
    def table(self) -> Table:
        return SHEETS[self.kind]

    @property
    def label(self) -> str:
        return str((self.after or self.before or {}).get(self.table.label_column, ""))

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """(heading, before, after) of every value that changes, as it is shown."""
        before, after = self.before or {}, self.after or {}
        return [
            (column.title, column.show(before.get(column.name)), column.show(after.get(column.name)))
            for column in self.table.columns
            if before.get(column.name) != after.get(column.name)
        ]


@dataclass(frozen=True)
class Snapshot:
    """The directory as it stands: kind → key → row."""

    rows: Mapping[str, Mapping[str, Facts]]

    @property
    def people(self) -> dict[str, frozenset[Role]]:
        """The roles of every active account by username."""
        return people.active(self.rows["account"])


@dataclass
class Plan:
    steps: list[Step] = field(default_factory=list)
    unchanged: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def new_accounts(self) -> list[str]:
        """Usernames that need a first password."""
        return [step.key for step in self.steps if step.kind == "account" and step.before is None]

    def refuse_faulty(self) -> None:
        if self.faults:
            more = f"；……共 {len(self.faults)} 处" if len(self.faults) > 5 else ""
            raise OrganisationInvalid(faults="；".join(self.faults[:5]) + more)


def make_plan(snapshot: Snapshot, given: Iterable[Given], faults: Iterable[str] = ()) -> Plan:
    """What the rows change, in the order it must be stored; `faults` are those known already."""
    plan = Plan(faults=list(faults))
    after = {kind: dict(snapshot.rows.get(kind, {})) for kind in SHEETS}
    taken: dict[tuple[str, str], Given] = {}
    for row in given:
        facts = _facts(row, snapshot, plan)
        if facts is None:
            continue
        key = row.table.key(facts)
        if first := taken.get((row.table.kind, key)):
            plan.faults.append(f"{row.place()}：与{first.place()}重复（{key}）")
            continue
        taken[row.table.kind, key] = row
        after[row.table.kind][key] = facts
    for (kind, key), row in taken.items():
        plan.faults += [f"{row.place(column)}：{words}" for column, words in _CHECKS[kind](after, key)]
    if sum(kind == "account" and key not in snapshot.rows[kind] for kind, key in taken) > people.MOST_NEW:
        plan.faults.append(f"一次最多新增 {people.MOST_NEW} 个账号，请分几个文件导入")
    del plan.faults[MOST_FAULTS:]
    for kind in SHEETS:
        for key in (key for of_kind, key in taken if of_kind == kind):
            before, now = snapshot.rows.get(kind, {}).get(key), after[kind][key]
            if before == now:
                plan.unchanged += 1
            else:
                plan.steps.append(Step(kind, key, before, now))
    _parents_first(plan, after)
    return plan


def _facts(row: Given, snapshot: Snapshot, plan: Plan) -> Facts | None:
    """The whole row: what its cells say over what is on record; None when a cell is wrong."""
    values: Facts = {}
    faults = []
    for name, given in row.cells.items():
        column = next((one for one in row.table.columns if one.name == name), None)
        if column is None:
            faults.append(f"{row.place()}：没有“{name[:20]}”这一项")
            continue
        try:
            values[name] = column.read("" if given is None else given)
        except ValueError as error:
            faults.append(f"{row.place(name)}：{error}")
    faults += [
        f"{row.place(column.name)}：不能为空"
        for column in row.table.columns
        if column.required and not values.get(column.name) and not any(column.title in f for f in faults)
    ]
    plan.faults += faults
    if faults:
        return None
    known = snapshot.rows.get(row.table.kind, {}).get(row.table.key(values))
    said = {
        name: row.table.column(name).default if value in ("", None) else value
        for name, value in values.items()
    }
    return {**row.table.defaults, **(known or {}), **said}


Rows = Mapping[str, Mapping[str, Facts]]
Checked = Iterator[tuple[str, str]]


def _region(after: Rows, key: str) -> Checked:
    """The parent exists, is of a higher level, and is not below the region itself."""
    regions = after["region"]
    parent = regions[key]["parent"]
    if not parent:
        return
    if parent not in regions:
        yield "parent", f"没有代码为“{parent}”的地区"
    elif _is_circle(key, lambda code: regions.get(code, {}).get("parent")):
        yield "parent", f"“{parent}”在本地区之下，上下级成了循环"
    elif _RANK[regions[parent]["level"]] >= _RANK[regions[key]["level"]]:
        yield "parent", f"上级“{regions[parent]['name']}”的级别应高于本地区"


def _bodies(after: Rows, key: str) -> Checked:
    """The department that guides the unit, the body that supervises it, and nobody who is both in one."""
    units, facts = after["unit"], after["unit"][key]
    above = facts["supervising"]
    if above and above not in units:
        yield "supervising", f"没有单位“{above}”"
    elif above and _is_circle(key, lambda code: units.get(code, {}).get("supervising")):
        yield "supervising", "主管单位不能是自己或自己所主管的单位"
    body = facts["inspection"]
    if body and facts["duty"] == UnitDuty.INSPECTION:
        yield "inspection", "监察单位自己由上级监察机关监督，此处应留空"
    elif body and units.get(body, {}).get("duty") != UnitDuty.INSPECTION:
        yield "inspection", f"“{body}”不是监察单位"
    for name in people.inspectors_in_conflict(after, key):
        yield "duty", f"“{name}”是监察人员又是本单位的联络员或负责人，请先调整其角色"


def _unit(after: Rows, key: str) -> Checked:
    units, facts = after["unit"], after["unit"][key]
    if facts["region"] not in after["region"]:
        yield "region", f"没有代码为“{facts['region']}”的地区"
    yield from _bodies(after, key)
    others = [
        (code, row)
        for code, row in units.items()
        if code != key and row["region"] == facts["region"] and row["is_active"]
    ]
    if not facts["is_active"]:
        return
    for code, row in others:
        if facts["duty"] in _ONE_A_REGION and row["duty"] == facts["duty"]:
            yield "duty", f"本地区已有{_ONE_A_REGION[facts['duty']]}“{row['name']}”（{code}）"
        for subject in set(facts["subjects"]) & set(row["subjects"]):
            yield "subjects", f"主题“{SUBJECTS[subject]}”已由“{row['name']}”（{code}）负责"


def _liaison(after: Rows, key: str) -> Checked:
    facts = after["liaison"][key]
    if facts["unit"] not in after["unit"]:
        yield "unit", f"没有单位“{facts['unit']}”"
    roles = people.roles_of(after, facts["username"])
    if roles is None:
        yield "username", f"没有启用的账号“{facts['username']}”，请先建立账号或写入人员表"
    elif not roles & people.TAKERS:
        yield "username", f"账号“{facts['username']}”没有联络员、单位负责人或政府办角色"
    elif Role.INSPECTOR in roles and after["unit"].get(facts["unit"], {}).get("duty") != UnitDuty.INSPECTION:
        yield "username", f"“{facts['username']}”是监察人员，不能担任被监察单位的联络员"


def _line(after: Rows, key: str) -> Checked:
    facts = after["line"][key]
    for column in ("region", "overflow"):
        if facts[column] and facts[column] not in after["region"]:
            yield column, f"没有代码为“{facts[column]}”的地区"


def _place(after: Rows, key: str) -> Checked:
    facts = after["place"][key]
    if facts["region"] not in after["region"]:
        yield "region", f"没有代码为“{facts['region']}”的地区"
    for unit in facts["units"]:
        if unit not in after["unit"]:
            yield "units", f"没有单位“{unit}”"
    for other, row in after["place"].items():
        if other != key and row["region"] == facts["region"]:
            for service in set(facts["services"]) & set(row["services"]):
                yield "services", f"“{service}”已由“{row['name']}”受理，一个事项只能有一个受理场所"


_CHECKS = {
    "region": _region,
    "unit": _unit,
    "account": people.faults,
    "liaison": _liaison,
    "line": _line,
    "place": _place,
}


def _is_circle(start: str, above: Any) -> bool:
    seen, step = {start}, above(start)
    while step:
        if step == start:
            return True
        if step in seen:
            return False
        seen.add(step)
        step = above(step)
    return False


def _parents_first(plan: Plan, after: Rows) -> None:
    """Regions by level, units after what supervises them, so that each finds what it refers to."""

    def depth(kind: str, key: str) -> int:
        if kind == "region":
            return _RANK[after["region"][key]["level"]]
        facts = after[kind][key]
        above = [facts[name] for name in ("supervising", "inspection") if facts.get(name)]
        return max((1 + depth(kind, one) for one in above), default=0)

    if not plan.faults:  # with faults there may be circles, and nothing is stored
        order = list(SHEETS)
        plan.steps.sort(key=lambda step: (order.index(step.kind), depth(step.kind, step.key)))
