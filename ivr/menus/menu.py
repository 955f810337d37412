"""The menus as data (菜单): what each node says, waits for and leads to, read from `dialplan/menus.toml`.

Holds the shapes and the rule of the keys that work everywhere; knows neither prompts' sounds nor how a node is
played. Whether the tree as a whole makes sense is `menu_check`'s question.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeVar, get_args

from core.errors import HotlineError

_Item = TypeVar("_Item")

PAGE = 7
"""Items on each page of a list that needs several; key 8 then turns the page."""
MAX_CHOICES = 8
"""Items of a list that needs one page only."""

GlobalKey = Literal["operator", "repeat", "up", "end", "restart"]
_GLOBAL_KEYS: Mapping[str, GlobalKey] = {"0": "operator", "9": "repeat", "*": "up", "#": "end"}


class MenusInvalid(HotlineError):
    """The menus cannot be used; `faults` is a list of Chinese sentences naming node and key."""

    code = "menus_invalid"
    text = "菜单有误，请改正 dialplan/menus.toml：{faults}"

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__(faults="；".join(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One place in the tree. `play` mixes prompt ids and `{slots}` that the handlers fill; `up` is where key * leads."""

    kind: ClassVar[str]
    id: str
    play: tuple[str, ...] = ()
    up: str | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the slots that must be filled with prompt ids before this node can be played."""
        return tuple(dict.fromkeys(item[1:-1] for item in self.play if item.startswith("{")))

    def targets(self) -> dict[str, str]:
        """Each way out (a Chinese label for messages) and the node it leads to, key 0 aside."""
        return {"返回键 *": self.up} if self.up else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Node):
    """Says something and goes on; with `wait_s` only after a key or that time."""

    kind: ClassVar[str] = "say"
    next: str
    wait_s: float = 0.0

    def targets(self) -> dict[str, str]:
        return {**Node.targets(self), "next": self.next}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Node):
    """Something the program does; its handler's result picks the outcome."""

    kind: ClassVar[str] = "action"
    handler: str
    outcomes: Mapping[str, str]

    def targets(self) -> dict[str, str]:
        return {**Node.targets(self), **{f"结果 {name}": target for name, target in self.outcomes.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(Node):
    """A node that waits for the caller: `tries` failures, silence and mistakes together, lead to `on_fail`."""

    first_key_s: float
    tries: int
    on_fail: str
    invalid: tuple[str, ...]
    silent: tuple[str, ...]
    fail: tuple[str, ...]

    def targets(self) -> dict[str, str]:
        return {**Node.targets(self), "on_fail": self.on_fail}


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu(Listening):
    """Keys that lead elsewhere; the handler, if there is one, is told the key first."""

    kind: ClassVar[str] = "menu"
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    handler: str | None = None

    def targets(self) -> dict[str, str]:
        return {**Listening.targets(self), **{f"{key} 键": target for key, target in self.keys.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Listening):
    """Digits typed in, ended by `#` or by the last possible digit."""

    kind: ClassVar[str] = "entry"
    handler: str
    min_digits: int
    max_digits: int
    next_key_s: float
    outcomes: Mapping[str, str]
    leading_zero: bool = False

    def targets(self) -> dict[str, str]:
        return {
            **Listening.targets(self),
            **{f"结果 {name}": target for name, target in self.outcomes.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Listening):
    """A list whose items the handler supplies, on the keys 1 to 8, in pages when there are more."""

    kind: ClassVar[str] = "list"
    handler: str
    next: str
    empty: str

    def targets(self) -> dict[str, str]:
        return {**Listening.targets(self), "next": self.next, "empty": self.empty}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Listening):
    """Records a message; one shorter than `min_s` is a failure."""

    kind: ClassVar[str] = "record"
    next: str
    min_s: float
    max_s: float

    def targets(self) -> dict[str, str]:
        return {**Listening.targets(self), "next": self.next}


AnyNode = Say | Action | Menu | Entry | Choice | Record
_KINDS: Mapping[str, type[AnyNode]] = {kind.kind: kind for kind in get_args(AnyNode)}


@dataclass(frozen=True, slots=True)
class Menus:
    """The whole tree. A call begins at `start`; key 0 leads to `operator` from anywhere."""

    start: str
    operator: str
    nodes: Mapping[str, AnyNode]

    def __getitem__(self, node_id: str) -> AnyNode:
        return self.nodes[node_id]

    def __iter__(self) -> Iterator[AnyNode]:
        return iter(self.nodes.values())

    @property
    def handlers(self) -> dict[str, set[str]]:
        """Every handler the program must supply, with the kinds of node that use it."""
        found: dict[str, set[str]] = {}
        for node in self:
            if name := getattr(node, "handler", None):
                found.setdefault(name, set()).add(node.kind)
        return found


def global_key(node: AnyNode, key: str, typed: str = "") -> GlobalKey | None:
    """What a key means everywhere (0 人工, 9 重听, * 返回, # 结束), or None when it is the node's own.

    While digits are typed (`typed` holds those so far), 9 is a digit, * starts the entry again, and 0 calls the
    operator only as the first key.
    """
    if not isinstance(node, Entry):
        return _GLOBAL_KEYS.get(key)
    if key == "0" and (typed or node.leading_zero):
        return None
    if key == "*" and typed:
        return "restart"
    return None if key == "9" else _GLOBAL_KEYS.get(key)


def pages(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    """Up to eight items on one page, otherwise seven a page (8 then turns to the next, from the last to the first)."""
    if len(items) <= MAX_CHOICES:
        return [items]
    return [items[at : at + PAGE] for at in range(0, len(items), PAGE)]


def read(path: Path) -> Menus:
    """The tree of a TOML file, each node well formed by itself; MenusInvalid lists every fault found."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MenusInvalid([f"无法读取 {path.name}，可能有按键或节点写了两次（{error}）"]) from error
    faults: list[str] = []
    defaults = content.get("defaults", {})
    raw: dict[str, dict[str, Any]] = content.get("nodes", {})
    nodes = {node_id: _node(node_id, entry, defaults, faults) for node_id, entry in raw.items()}
    faults += [f"缺少 {name}，应写明一个节点" for name in ("start", "operator") if not content.get(name)]
    if faults:
        raise MenusInvalid(faults)
    return Menus(
        content["start"], content["operator"], MappingProxyType({k: v for k, v in nodes.items() if v})
    )


def _node(node_id: str, entry: dict[str, Any], defaults: dict[str, Any], faults: list[str]) -> AnyNode | None:
    kind = _KINDS.get(entry.get("kind", ""))
    if kind is None:
        faults.append(f"节点 {node_id} 的 kind 应为 {'、'.join(_KINDS)} 之一")
        return None
    known = {item.name: item for item in fields(kind)}
    given = {name: value for name, value in defaults.items() if name in known} | entry
    del given["kind"]
    before = len(faults)
    if kind is Choice and given.pop("keys", None):
        faults.append(f"节点 {node_id}（list）的 1 至 8 键已用于各项，不能再写 keys")
    faults += [f"节点 {node_id}（{kind.kind}）不认识 {name}" for name in given if name not in known]
    required = (
        name for name, item in known.items() if item.default is MISSING and item.default_factory is MISSING
    )
    faults += [
        f"节点 {node_id}（{kind.kind}）缺少 {name}" for name in required if name not in given and name != "id"
    ]
    for name in given.keys() & known.keys():
        if not _fits(given[name], known[name].type):
            faults.append(f"节点 {node_id} 的 {name} 写法不对")
    if len(faults) > before:
        return None
    return kind(id=node_id, **{name: _freeze(value) for name, value in given.items()})


def _fits(value: object, wanted: object) -> bool:
    """Whether a TOML value is of a field's type, for the few types that fields have."""
    if wanted == Mapping[str, str]:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if wanted == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _freeze(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return MappingProxyType(value) if isinstance(value, dict) else value
