"""The form of a return (月报表): its columns, what each cell may hold, and every fault by row and column. Pure.

A spreadsheet and the page's form have the same columns and the same rules. All faults of a file are found at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.sheet_reader import Sheet
from reports.returns.models import CentreState

STATES = {
    CentreState.NOT_BEGUN: "未开工",
    CentreState.BUILDING: "在建",
    CentreState.BUILT: "建成",
    CentreState.OPENED: "挂牌",
}
MONTH, REGION, CENTRE, STATE, REASON = "月份", "地区代码", "中心名称", "建设状态", "更正理由"
COUNTS = {
    "staff": "工作人员数",
    "received": "受理件数",
    "finished": "办结件数",
    "on_spot": "现场办结件数",
    "due": "应办结件数",
    "in_time": "按时办结件数",
    "used_days": "实际用时（工作日）",
    "allowed_days": "规定时限（工作日）",
    "ratable": "可评议件数",
    "rated": "已评议件数",
    "satisfied": "满意件数",
}
COLUMNS = (MONTH, REGION, CENTRE, STATE, *COUNTS.values(), REASON)
NO_MORE_THAN = (
    ("finished", "received"), ("on_spot", "finished"), ("in_time", "due"), ("rated", "ratable"), ("satisfied", "rated"),
)  # fmt: skip
MOST_DIGITS, LONGEST_NAME, LONGEST_REASON = 7, 80, 500


@dataclass(frozen=True)
class Fault:
    """What is wrong in one cell; `line` as the spreadsheet numbers it, 0: the page's form."""

    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"第 {self.line} 行" if self.line else ""
        return f"{where}“{self.column}”：{self.text}"


@dataclass(frozen=True)
class Filled:
    """One filled-in row; region and centre are not looked up yet."""

    line: int
    first_on: date
    region: str
    centre: str
    state: CentreState
    counts: dict[str, int]
    reason: str = ""


def read(sheets: Iterable[Sheet]) -> tuple[list[Filled], list[Fault]]:
    """The rows below each sheet's line of headings; sheets without such a line hold no returns."""
    rows: list[Filled] = []
    faults: list[Fault] = []
    found = False
    for sheet in sheets:
        head: dict[str, int] | None = None
        for line, cells in sheet.rows:
            if head is None:
                head = _head(cells)
                continue
            found = True
            row, wrong = read_row(line, {name: cells[at] for name, at in head.items() if at < len(cells)})
            faults += wrong
            rows += [row] if row else []
    if not found:
        faults.append(Fault(1, MONTH, f"没有找到填写的内容；首行应为列名：{'、'.join(COLUMNS)}"))
    return rows, faults + _repeated(rows)


def read_row(line: int, cells: Mapping[str, str]) -> tuple[Filled | None, list[Fault]]:
    """The row, or None with its faults."""
    faults: list[Fault] = []
    first_on = _month(line, cells.get(MONTH, "").strip(), faults)
    texts = {name: cells.get(name, "").strip() for name in (REGION, CENTRE, REASON)}
    faults += [
        Fault(line, name, "请填写") for name in (REGION, CENTRE) if not 0 < len(texts[name]) <= LONGEST_NAME
    ]
    if len(texts[REASON]) > LONGEST_REASON:
        faults.append(Fault(line, REASON, f"不超过 {LONGEST_REASON} 个字"))
    state = {text: key for key, text in STATES.items()}.get(cells.get(STATE, "").strip())
    if state is None:
        faults.append(Fault(line, STATE, f"应为{'、'.join(STATES.values())}之一"))
    counts = _counts(line, cells, faults)
    if faults or first_on is None or state is None:
        return None, faults
    return Filled(line, first_on, texts[REGION], texts[CENTRE], state, counts, texts[REASON]), []


def _head(cells: Sequence[str]) -> dict[str, int] | None:
    """Column → place, where this is the line of headings."""
    places = {name: cells.index(name) for name in COLUMNS if name in cells}
    return places if MONTH in places and CENTRE in places else None


def _month(line: int, text: str, faults: list[Fault]) -> date | None:
    """`2026-06`, or any day of the month."""
    try:
        return date.fromisoformat(text if len(text) > len("2026-06") else f"{text}-01").replace(day=1)
    except ValueError:
        faults.append(Fault(line, MONTH, "请写成 2026-06"))
        return None


def _counts(line: int, cells: Mapping[str, str], faults: list[Fault]) -> dict[str, int]:
    counts = {}
    for key, name in COUNTS.items():
        text = cells.get(name, "").strip()
        if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
            counts[key] = int(text)
        else:
            faults.append(Fault(line, name, "请填写 0 或正整数，没有的填 0"))
    for low, high in NO_MORE_THAN:
        if low in counts and high in counts and counts[low] > counts[high]:
            faults.append(
                Fault(line, COUNTS[low], f"{counts[low]} 多于{COUNTS[high]} {counts[high]}，请核对")
            )
    if counts.get("used_days") and counts.get("allowed_days") == 0:
        faults.append(Fault(line, COUNTS["allowed_days"], "有实际用时，规定时限不能为 0"))
    return counts


def _repeated(rows: Sequence[Filled]) -> list[Fault]:
    seen: dict[tuple[date, str, str], int] = {}
    faults = []
    for row in rows:
        first = seen.setdefault((row.first_on, row.region, row.centre), row.line)
        if first != row.line:
            faults.append(Fault(row.line, CENTRE, f"与第 {first} 行是同一中心、同一月份"))
    return faults
