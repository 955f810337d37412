"""The lists of this folder (列表): entries and to-dos, each named once with its columns and filters."""

from datetime import date

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import selectinload

from core.web.filters import minute
from core.web.lists import Column, Filter, Table
from kb.kinds import KIND_NAMES
from kb.lifecycle import STATE_NAMES
from kb.models import OWN, Entry, EntryState, Todo, TodoKind, TodoState

TONES = {
    EntryState.DRAFT: "",
    EntryState.UNIT_CHECK: "info",
    EntryState.SECRECY_CHECK: "info",
    EntryState.PUBLISHED: "ok",
    EntryState.EXPIRED: "warn",
    EntryState.WITHDRAWN: "bad",
}
TODO_NAMES = {TodoKind.GAP: "查无结果", TodoKind.QUESTION: "未能答复", TodoKind.SUGGESTION: "修改建议"}
TODO_STATES = {TodoState.OPEN: "待办", TodoState.DONE: "已办", TodoState.DROPPED: "不需编写"}


def state_text(entry: Entry) -> str:
    """The state, and that of the revision beside it."""
    text = STATE_NAMES[EntryState(entry.state)]
    return f"{text}，修订{STATE_NAMES[EntryState(entry.pending_state)]}" if entry.pending_state else text


def _words(text: str) -> ColumnElement[bool]:
    return or_(
        *(column.contains(text, autoescape=True) for column in (Entry.title, Entry.keywords, Entry.source_id))
    )


def _state(value: str) -> ColumnElement[bool]:
    return or_(Entry.state == value, Entry.pending_state == value)


def entries_table(units: dict[str, str], views: dict[str, str], today: date) -> Table:
    """Entries; `units` and `views` are what the person may choose from."""
    return Table(
        "kb", "信息",
        columns=(
            Column("title", "标题", lambda row: row.title, sort=Entry.title, href=lambda row: f"/kb/entries/{row.id}"),
            Column("kind", "种类", lambda row: KIND_NAMES[row.kind]),
            Column("unit", "单位", lambda row: row.unit.name if row.unit else row.department),
            Column("state", "状态", state_text, sort=Entry.state, tone=lambda row: TONES[EntryState(row.state)]),
            Column("hot", "热点", lambda row: "热点" if row.is_hot else "", sort=Entry.is_hot, tone=lambda _: "warn"),
            Column("public", "范围", lambda row: "不公开" if row.audience == "internal" else "公开"),
            Column("until", "截止", lambda row: str(row.valid_to_on or ""), sort=Entry.valid_to_on),
            Column("review", "复核", lambda row: str(row.review_by_on or ""), sort=Entry.review_by_on),
            Column("used", "采用", lambda row: str(row.chosen_count), sort=Entry.chosen_count, number=True),
            Column("changed", "更新时间", lambda row: minute(row.changed_at), sort=Entry.changed_at),
        ),
        filters=(
            Filter("view", "范围", lambda value: _view(value, today), views, kind="tabs", default="all"),
            Filter("q", "标题、关键词或编号", _words),
            Filter("kind", "种类", lambda value: Entry.kind == value, {kind.value: name for kind, name in KIND_NAMES.items()}),
            Filter("state", "状态", _state, {state.value: name for state, name in STATE_NAMES.items()}),
            Filter("unit", "单位", lambda value: Entry.unit_id == int(value), units),
            Filter("category", "类别", lambda text: Entry.category.contains(text, autoescape=True)),
            Filter("source", "来源", _source, {"own": "本系统编写", "base": "导入的基础信息"}),
        ),
        sort="-changed", tie=Entry.id,
    )  # fmt: skip


def _source(value: str) -> ColumnElement[bool]:
    return Entry.source == OWN if value == "own" else Entry.source != OWN


VIEWS = {"all": "全部", "hot": "热点", "due": "到期复核", "ending": "即将截止"}


def _view(value: str, today: date) -> ColumnElement[bool]:
    published = Entry.state == EntryState.PUBLISHED
    return {
        "all": Entry.id.is_not(None),
        "hot": and_(published, Entry.is_hot),
        "due": and_(published, Entry.review_by_on <= today),
        "ending": and_(published, Entry.valid_to_on.is_not(None)),
    }[value]


def entries_query() -> Select[Entry]:
    return select(Entry).options(selectinload(Entry.unit))


def todo_table(units: dict[str, str], today: date) -> Table:
    """The editors' to-do list; what is overdue first."""
    return Table(
        "kb-todo", "待办",
        columns=(
            Column("text", "内容", lambda row: row.text, href=lambda row: f"/kb/todo/{row.id}"),
            Column("kind", "来由", lambda row: TODO_NAMES[row.kind]),
            Column("times", "次数", lambda row: str(row.times), sort=Todo.times, number=True),
            Column("unit", "单位", lambda row: row.unit.name if row.unit else "待分派"),
            Column("due", "期限", lambda row: str(row.due_on or ""), sort=Todo.due_on),
            Column("late", "超期", lambda row: "超期" if _is_late(row, today) else "", tone=lambda _: "bad"),
            Column("last", "最近一次", lambda row: minute(row.last_at), sort=Todo.last_at),
        ),
        filters=(
            Filter("state", "状态", lambda value: Todo.state == value, {s.value: n for s, n in TODO_STATES.items()}, kind="tabs", default="open"),
            Filter("q", "内容", lambda text: Todo.text.contains(text, autoescape=True)),
            Filter("kind", "来由", lambda value: Todo.kind == value, {k.value: n for k, n in TODO_NAMES.items()}),
            Filter("unit", "单位", lambda value: Todo.unit_id.is_(None) if value == "none" else Todo.unit_id == int(value), {"none": "待分派"} | units),
        ),
        sort="due", tie=Todo.id,
    )  # fmt: skip


def todo_query() -> Select[Todo]:
    return select(Todo).options(selectinload(Todo.unit))


def _is_late(row: Todo, today: date) -> bool:
    return row.state == TodoState.OPEN and row.due_on is not None and row.due_on < today
