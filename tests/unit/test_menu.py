"""The menus are data, and a tree that would strand a caller is refused by name."""

import re
from pathlib import Path

import pytest

from ivr.menus import menu, menu_check
from ivr.menus.menu import Entry, Menu, Menus, MenusInvalid
from ivr.speech.prompts import Catalogue, Prompt, load

CATALOGUE = load(Path("dialplan/prompts.toml"), "96128")
DEFAULTS = """
start = "A"
operator = "OP"
[defaults]
first_key_s = 6
next_key_s = 4
tries = 3
on_fail = "OP"
invalid = ["invalid-key"]
silent = ["no-input"]
fail = ["too-many-tries"]
[nodes.OP]
kind = "action"
handler = "queue"
outcomes = {}
"""
MENU = 'kind = "menu"\nplay = ["menu-one"]\n'
WORDS = Catalogue(
    {
        **CATALOGUE.prompts,
        "menu-one": Prompt("menu-one", "按1", "试"),
        "one": Prompt("one", "甲请按1。", "试"),
        "two": Prompt("two", "甲请按1，乙请按2。", "试"),
    }
)


@pytest.fixture
def write(tmp_path: Path):
    """Write a small tree below the common defaults and give its path."""

    def _write(nodes: str, defaults: str = DEFAULTS) -> Path:
        path = tmp_path / "menus.toml"
        path.write_text(defaults + nodes, "utf-8")
        return path

    return _write


def refused(path: Path) -> str:
    """What the validator says about a tree, all of it."""
    with pytest.raises(MenusInvalid) as caught:
        menu_check.load(path, WORDS)
    assert caught.value.code == "menus_invalid"
    return "\n".join(caught.value.faults)


@pytest.fixture(scope="module")
def shipped() -> Menus:
    return menu_check.load(Path("dialplan/menus.toml"), CATALOGUE)


def test_the_shipped_menus_pass_and_hold_every_node_of_the_mission(shipped: Menus) -> None:
    """The tree of mission §5.6 is complete."""
    wanted = "WELCOME MAIN Q QD QD-COUNTY QD-CODE QD-OK QS QS-X QH TRANSFER C C-CODE C-REC S S-OK OP VM VM-NUM CODE SURVEY"
    assert set() == set(wanted.split()) - set(shipped.nodes)


@pytest.mark.parametrize(
    ("node", "key", "target"),
    [
        ("MAIN", "1", "Q"),
        ("MAIN", "2", "C"),
        ("MAIN", "3", "S"),
        ("Q", "1", "QD"),
        ("Q", "2", "QS"),
        ("Q", "3", "QH"),
        ("QD", "1", "QD-CODE"),
        ("QD", "2", "QD-COUNTY"),
        ("QD-OK", "2", "QD-CODE"),
        ("C", "1", "C-CODE"),
        ("C", "2", "C-REC"),
        ("C-OPEN", "2", "C-REC"),
        ("C-REVIEW", "3", "C-SAVE"),
        ("C-CAUSE", "6", "SURVEY-NEXT"),
        ("VM-NUM", "2", "VM-NUM-ENTRY"),
        ("SURVEY-BAD", "1", "C-REC"),
    ],
)
def test_the_keys_of_the_mission_lead_where_it_says(shipped: Menus, node: str, key: str, target: str) -> None:
    """M-15: each leaf can be walked to by keys."""
    found = shipped[node]
    assert isinstance(found, Menu)
    assert target == found.keys[key]


def test_timeouts_and_tries_are_those_of_the_mission(shipped: Menus) -> None:
    """M-16: 6 s to the first key, 4 s between digits, three failures."""
    code = shipped["QD-CODE"]
    assert isinstance(code, Entry)
    assert (code.first_key_s, code.next_key_s, code.tries, code.on_fail) == (6, 4, 3, "OP")
    assert (code.min_digits, code.max_digits) == (3, 3)
    assert [value for n in ("C-REC", "VM-REC") for value in (shipped[n].min_s, shipped[n].max_s)] == [
        3,
        300,
        3,
        180,
    ]


def test_a_node_says_which_values_it_needs(shipped: Menus) -> None:
    """The slots of the prompts are the values a handler must supply."""
    assert shipped["S-OK"].values == ("unit", "state", "due", "explanation")
    assert shipped["CODE"].values == ("code",)
    assert {"entry"} == shipped.handlers["unit_code"]


def test_a_well_formed_tree_is_accepted(write) -> None:
    """The smallest useful tree: one menu and the operator."""
    menus = menu_check.load(write('[nodes.A]\nkind = "menu"\nplay = ["one"]\nkeys = { 1 = "OP" }\n'), WORDS)
    assert menus["A"].keys["1"] == "OP"


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            '[nodes.A]\nkind = "menu"\nplay = ["one"]\nkeys = { 1 = "X" }',
            "节点 A 的 1 键 指向的节点 X 不存在",
        ),
        ('[nodes.A]\nkind = "say"\nplay = ["one"]\nnext = "X"', "节点 A 的 next 指向的节点 X 不存在"),
        (
            '[nodes.A]\nkind = "menu"\nplay = ["welcome"]\non_fail = "X"',
            "节点 A 的 on_fail 指向的节点 X 不存在",
        ),
        ('[nodes.A]\nkind = "menu"\nplay = ["nowhere"]', "节点 A 用到的提示音 nowhere 不在目录里"),
        (
            '[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nsilent = ["lost"]',
            "节点 A 用到的提示音 lost 不在目录里",
        ),
        ('[nodes.A]\nkind = "menu"', "节点 A 没有提示音"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nkeys = { 0 = "OP" }', "节点 A 的 0 键与通用键"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nkeys = { 9 = "OP" }', "节点 A 的 9 键与通用键"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nkeys = { "*" = "OP" }', "节点 A 的 * 键与通用键"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nkeys = { "#" = "OP" }', "节点 A 的 # 键与通用键"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nkeys = { 12 = "OP" }', "节点 A 的 12 不是按键"),
        (
            '[nodes.A]\nkind = "menu"\nplay = ["two"]\nkeys = { 1 = "OP" }',
            "节点 A 的提示音说“请按2”，但没有 2 键",
        ),
        (
            '[nodes.A]\nkind = "menu"\nplay = ["one"]\nkeys = { 1 = "OP", 3 = "OP" }',
            "节点 A 有 3 键，但提示音没有说到",
        ),
        ('[nodes.A]\nkind = "menu"\nplay = ["answer-menu"]', "节点 A 的提示音说可按星号键返回，但没有写 up"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nfirst_key_s = 0', "节点 A 没有超时"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\ntries = 0', "节点 A 的 tries 至少为 1"),
        (
            '[nodes.A]\nkind = "say"\nplay = ["welcome"]\nnext = "OP"\nwait_s = -1',
            "节点 A 的 wait_s 不能小于 0",
        ),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\ncolour = 1', "节点 A（menu）不认识 colour"),
        ('[nodes.A]\nkind = "menu"\nplay = "welcome"', "节点 A 的 play 写法不对"),
        ('[nodes.A]\nkind = "menu"\nplay = ["welcome"]\ntries = true', "节点 A 的 tries 写法不对"),
        ('[nodes.A]\nkind = "say"\nplay = ["welcome"]', "节点 A（say）缺少 next"),
        ('[nodes.A]\nkind = "song"', "节点 A 的 kind 应为"),
        ('[nodes.A]\nplay = ["welcome"]', "节点 A 的 kind 应为"),
        (
            '[nodes.A]\nkind = "say"\nplay = ["welcome"]\nnext = "OP"\n[nodes.B]\nkind = "say"\nplay = ["welcome"]\nnext = "OP"',
            "节点 B 从入口走不到",
        ),
        (
            (
                '[nodes.A]\nkind = "action"\nhandler = "wander"\noutcomes = { on = "B" }\n'
                '[nodes.B]\nkind = "action"\nhandler = "wander"\noutcomes = { back = "A" }'
            ),
            "节点 B 是死路",
        ),
        ('[nodes.A]\nkind = "action"\nhandler = "nothing"\noutcomes = {}', "节点 A 是死路"),
        ('[nodes.A]\nkind = "menu"\nplay = ["one"]\nkeys = { 1 = "OP" }\non_fail = "A"', "节点 A 会绕圈"),
        (
            '[nodes.A]\nkind = "list"\nplay = ["welcome"]\nhandler = "x"\nnext = "OP"\nempty = "OP"\nkeys = { 1 = "OP" }',
            "节点 A（list）的 1 至 8 键已用于各项",
        ),
        (
            '[nodes.A]\nkind = "entry"\nplay = ["welcome"]\nhandler = "x"\nmin_digits = 5\nmax_digits = 3\noutcomes = { ok = "OP" }',
            "节点 A 的位数不对",
        ),
        (
            '[nodes.A]\nkind = "entry"\nplay = ["welcome"]\nhandler = "x"\nmin_digits = 3\nmax_digits = 3\nnext_key_s = 0\noutcomes = { ok = "OP" }',
            "节点 A 没有超时：next_key_s",
        ),
        (
            '[nodes.A]\nkind = "record"\nplay = ["welcome"]\nnext = "OP"\nmin_s = 9\nmax_s = 3',
            "节点 A 的录音时长不对",
        ),
        ('[nodes.A]\nkind = "menu"\n[nodes.A]\nkind = "say"', "可能有按键或节点写了两次"),
        ('[nodes.A]\nkind = "menu"\nkeys = { 1 = "OP", 1 = "OP" }', "可能有按键或节点写了两次"),
    ],
)
def test_a_tree_that_would_strand_a_caller_is_refused(write, nodes: str, message: str) -> None:
    """Each fault is named by node and key, in Chinese."""
    assert message in refused(write(nodes))


def test_more_than_eight_choices_are_refused(write) -> None:
    """Menus hold at most eight choices; a longer list is a list node."""
    keys = ", ".join(f'"{key}" = "OP"' for key in (*range(1, 9), 11))
    found = refused(write(f'[nodes.A]\nkind = "menu"\nplay = ["welcome"]\nkeys = {{ {keys} }}'))
    assert "节点 A 有 9 个选项，最多 8 个" in found


def test_a_menu_without_any_timeout_is_refused(write) -> None:
    """Without the default, each node must bring its own timeout."""
    defaults = DEFAULTS.replace("first_key_s = 6\n", "")
    assert "节点 A（menu）缺少 first_key_s" in refused(
        write('[nodes.A]\nkind = "menu"\nplay = ["welcome"]', defaults)
    )


@pytest.mark.parametrize("name", ["start", "operator"])
def test_a_tree_without_its_entrances_is_refused(write, name: str) -> None:
    """A call must begin somewhere, and key 0 must lead somewhere."""
    said = '[nodes.A]\nkind = "say"\nplay = ["welcome"]\nnext = "OP"'
    assert f"缺少 {name}" in refused(write(said, re.sub(rf"{name} = .*", "", DEFAULTS)))
    assert f"{name} 指向的节点 X 不存在" in refused(
        write(said, re.sub(rf"{name} = .*", f'{name} = "X"', DEFAULTS))
    )


def test_every_fault_is_named_at_once(write) -> None:
    """An editor sees all faults in one run."""
    nodes = '[nodes.A]\nkind = "menu"\nplay = ["gone"]\nkeys = { 0 = "X" }\nfirst_key_s = -1'
    found = refused(write(nodes))
    assert all(part in found for part in ("gone", "0 键", "X 不存在", "没有超时"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A missing file is a sentence, not a traceback."""
    assert "无法读取" in refused(tmp_path / "menus.toml")


@pytest.mark.parametrize(
    ("node", "key", "typed", "meaning"),
    [
        ("MAIN", "0", "", "operator"),
        ("MAIN", "9", "", "repeat"),
        ("MAIN", "*", "", "up"),
        ("MAIN", "#", "", "end"),
        ("MAIN", "1", "", None),
        ("QD-CODE", "0", "", "operator"),
        ("QD-CODE", "0", "1", None),
        ("QD-CODE", "9", "", None),
        ("QD-CODE", "*", "", "up"),
        ("QD-CODE", "*", "12", "restart"),
        ("QD-CODE", "#", "12", "end"),
        ("VM-NUM-ENTRY", "0", "", None),
    ],
)
def test_the_keys_that_work_everywhere(
    shipped: Menus, node: str, key: str, typed: str, meaning: str | None
) -> None:
    """0 9 * # mean the same in every node, save that a code being typed may hold 0 and 9."""
    assert meaning == menu.global_key(shipped[node], key, typed)


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, [0]), (1, [1]), (8, [8]), (9, [7, 2]), (14, [7, 7]), (15, [7, 7, 1])]
)
def test_long_lists_are_cut_into_pages(count: int, sizes: list[int]) -> None:
    """Eight items fit one page; more are seven a page, with 8 for the next."""
    assert sizes == [len(page) for page in menu.pages(list(range(count)))]
