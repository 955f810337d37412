"""Refuses menus that would strand a caller (菜单检查): every fault of the tree is named by node and key.

Pure: it looks at the tree and the catalogue, never at a call. `load` is how the rest of the system gets its menus.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ivr.menus.menu import (
    MAX_CHOICES,
    Action,
    AnyNode,
    Choice,
    Entry,
    Listening,
    Menu,
    Menus,
    MenusInvalid,
    Record,
    Say,
    read,
)
from ivr.speech.prompt_catalogue import Catalogue

_ENDS = {"queue", "hang_up"}
_OWN_KEYS = tuple(str(key) for key in range(1, MAX_CHOICES + 1))
_EVERYWHERE = {"0", "9"}
_ANNOUNCED = re.compile(r"请按(\d)")
_SLOT = re.compile(r"\{[a-z_]+\}")


def load(path: Path, catalogue: Catalogue) -> Menus:
    """The menus of a TOML file, checked; MenusInvalid names every fault."""
    menus = read(path)
    if found := faults(menus, catalogue):
        raise MenusInvalid(found)
    return menus


def faults(menus: Menus, catalogue: Catalogue) -> list[str]:
    """Chinese sentences naming node and key; empty when every caller can get everywhere and out again."""
    lost = _targets_that_do_not_exist(menus)
    found = lost
    for node in menus:
        found = [
            *found,
            *_timing(node),
            *_keys(node),
            *_prompts(node, catalogue),
            *announced_keys(node, catalogue),
        ]
    # The graph is only worth judging when it is whole.
    return found if lost else [*found, *_unreachable(menus), *_dead_ends(menus), *_silent_loops(menus)]


def _targets_that_do_not_exist(menus: Menus) -> list[str]:
    named = [("start", menus.start), ("operator", menus.operator)]
    found = [f"{label} 指向的节点 {target} 不存在" for label, target in named if target not in menus.nodes]
    for node in menus:
        for label, target in node.targets().items():
            if target not in menus.nodes:
                found.append(f"节点 {node.id} 的 {label} 指向的节点 {target} 不存在")
    return found


def _timing(node: AnyNode) -> Iterator[str]:
    if isinstance(node, Listening) and node.first_key_s <= 0:
        yield f"节点 {node.id} 没有超时：first_key_s 应大于 0"
    if isinstance(node, Listening) and node.tries < 1:
        yield f"节点 {node.id} 的 tries 至少为 1"
    if isinstance(node, Entry) and node.next_key_s <= 0:
        yield f"节点 {node.id} 没有超时：next_key_s 应大于 0"
    if isinstance(node, Entry) and not 1 <= node.min_digits <= node.max_digits:
        yield f"节点 {node.id} 的位数不对：应为 1 ≤ min_digits ≤ max_digits"
    if isinstance(node, Record) and not 0 <= node.min_s < node.max_s:
        yield f"节点 {node.id} 的录音时长不对：应为 0 ≤ min_s < max_s"
    if isinstance(node, Say) and node.wait_s < 0:
        yield f"节点 {node.id} 的 wait_s 不能小于 0"


def _keys(node: AnyNode) -> Iterator[str]:
    if not isinstance(node, Menu):
        return
    if len(node.keys) > MAX_CHOICES:
        yield f"节点 {node.id} 有 {len(node.keys)} 个选项，最多 {MAX_CHOICES} 个，请改用 list"
    for key in node.keys:
        if key in ("0", "9", "*", "#"):
            yield f"节点 {node.id} 的 {key} 键与通用键（0 人工、9 重听、* 返回、# 结束）冲突"
        elif key not in _OWN_KEYS:
            yield f"节点 {node.id} 的 {key} 不是按键，只能用 1 至 8"


def _prompts(node: AnyNode, catalogue: Catalogue) -> Iterator[str]:
    used = [*node.play]
    if isinstance(node, Listening):
        used += [*node.invalid, *node.silent, *node.fail]
    if isinstance(node, Choice):
        used += ["more-press-8", *(f"press-{key}" for key in _OWN_KEYS)]
    if isinstance(node, Record):
        used.append("beep")
    for item in used:
        if not _SLOT.fullmatch(item) and item not in catalogue:
            yield f"节点 {node.id} 用到的提示音 {item} 不在目录里"
    if not node.play and not isinstance(node, Action):
        yield f"节点 {node.id} 没有提示音，来电人什么也听不到"


def announced_keys(node: AnyNode, catalogue: Catalogue) -> Iterator[str]:
    """What the prompt says and what the keys do must be the same."""
    words = "".join(catalogue.prompts[item].text for item in node.play if item in catalogue)
    said = set(_ANNOUNCED.findall(words)) - _EVERYWHERE
    keys = set(node.keys) if isinstance(node, Menu) else set()
    yield from (f"节点 {node.id} 的提示音说“请按{key}”，但没有 {key} 键" for key in sorted(said - keys))
    yield from (
        f"节点 {node.id} 有 {key} 键，但提示音没有说到" for key in sorted(keys - said) if key in _OWN_KEYS
    )
    if "请按星号键" in words and not node.up:
        yield f"节点 {node.id} 的提示音说可按星号键返回，但没有写 up"


def _reach(menus: Menus, roots: set[str]) -> set[str]:
    seen: set[str] = set()
    ahead = set(roots)
    while ahead:
        node_id = ahead.pop()
        seen.add(node_id)
        ahead |= set(menus[node_id].targets().values()) - seen
    return seen


def _unreachable(menus: Menus) -> list[str]:
    reached = _reach(menus, {menus.start, menus.operator})
    return [f"节点 {node.id} 从入口走不到" for node in menus if node.id not in reached]


def _dead_ends(menus: Menus) -> list[str]:
    """Key 0 does not count: a caller who presses nothing must get out as well."""
    safe = {
        node.id
        for node in menus
        if isinstance(node, Record) or (isinstance(node, Action) and node.handler in _ENDS)
    }
    grew = True
    while grew:
        more = {node.id for node in menus if safe & _onward(node)} - safe
        safe |= more
        grew = bool(more)
    return [f"节点 {node.id} 是死路：走不到人工、留言或挂机" for node in menus if node.id not in safe]


def _onward(node: AnyNode) -> set[str]:
    return {target for label, target in node.targets().items() if label != "返回键 *"}


def _silent_loops(menus: Menus) -> list[str]:
    """A caller who never presses a key must come to something that acts, not go round until the time is up."""
    found = []
    for node in menus:
        seen: set[str] = set()
        at: AnyNode = node
        while at.id not in seen and not isinstance(at, Action):
            seen.add(at.id)
            at = menus[at.on_fail if isinstance(at, Listening) else at.next]
        if at.id == node.id and not isinstance(at, Action):
            found.append(f"节点 {node.id} 会绕圈：来电人不按键就一直回到这里")
    return found
