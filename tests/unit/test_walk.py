"""Walking the shipped menus with a scripted caller: every node, every global key, silence, mistakes (mission §5.6)."""

from dataclasses import replace
from types import MappingProxyType

import pytest
from support.scripted import Stroll

from ivr.asterisk.site import DIALPLAN
from ivr.menus import walk as walk_module
from ivr.menus.menu import Choice, Entry, Menu, Menus, Record, Say, read
from ivr.menus.walk import Item

MENUS = read(DIALPLAN / "menus.toml")
LEAVE = {"hang_up": None, "queue": None, "transfer": None}
"""Handlers after which the caller is the dialplan's."""
LISTENING = [node.id for node in MENUS if isinstance(node, Menu | Choice)]
ENTRIES = [node.id for node in MENUS if isinstance(node, Entry)]


def only(node_id: str) -> Menus:
    """The tree with every other node replaced by one that listens to nothing and ends."""
    stop = {other: replace(MENUS["BYE"], id=other) for other in MENUS.nodes if other != node_id}
    return Menus(MENUS.start, MENUS.operator, MappingProxyType({**stop, node_id: MENUS[node_id]}))


async def stroll(node_id: str, *keys: str | None, results=None, **more) -> Stroll:
    """One node alone: the walk ends at the next one."""
    return await Stroll(only(node_id), keys, {**LEAVE, **(results or {})}, **more).go(node_id)


async def test_every_node_is_reached():
    """From the start, by keys and outcomes alone, a caller can come to every node of the shipped tree."""
    reached: set[str] = set()
    waiting = [MENUS.start, MENUS.operator, *("TALKED", "OP-NONE", "VM-REC", "TRANSFER-FAILED")]
    while waiting:
        node_id = waiting.pop()
        if node_id in reached:
            continue
        reached.add(node_id)
        for keys, results in _ways(node_id):
            went = await stroll(node_id, *keys, results=results)
            waiting += went.nodes[1:]
    assert reached == set(MENUS.nodes)


def _ways(node_id: str):
    """Scripts that take each way out of a node."""
    node = MENUS[node_id]
    silence = [None] * 5
    if isinstance(node, Menu):
        return [([key], {}) for key in [*node.keys, "*"]] + [(silence, {})]
    if isinstance(node, Entry):
        typed = list("1" * node.max_digits)
        return [(typed, {node.handler: outcome}) for outcome in node.outcomes] + [(silence, {}), (["*"], {})]
    if isinstance(node, Choice):
        return [
            (["1"], {node.handler: [Item(["x"], 1)]}),
            ([], {node.handler: []}),
            (silence, {node.handler: [Item(["x"], 1)]}),
            (["*"], {}),
        ]
    if hasattr(node, "outcomes"):
        return [([], {node.handler: outcome}) for outcome in node.outcomes]
    return [(silence, {}), (["*"], {})]


@pytest.mark.parametrize("node_id", LISTENING)
async def test_zero_is_an_operator_everywhere(node_id: str):
    """Key 0 leads to a person from every menu and list."""
    assert (await stroll(node_id, "0", results=_items(node_id))).nodes == [node_id, MENUS.operator]


@pytest.mark.parametrize("node_id", LISTENING)
async def test_nine_repeats_and_costs_no_try(node_id: str):
    """Key 9 plays the node again, as often as wanted."""
    went = await stroll(node_id, *"99999", "0", results=_items(node_id))
    assert went.nodes[1:] == [MENUS.operator]
    assert len(went.dialogue.played) >= 6
    assert not went.of("invalid")


@pytest.mark.parametrize("node_id", LISTENING)
async def test_star_goes_up_or_repeats(node_id: str):
    """Key * goes to the node above; where there is none it repeats."""
    went = await stroll(node_id, "*", "0", results=_items(node_id))
    assert went.nodes[1] == (MENUS[node_id].up or MENUS.operator)


@pytest.mark.parametrize("node_id", LISTENING)
async def test_hash_is_a_mistake_in_a_menu(node_id: str):
    """Key # ends an entry; in a menu it has no meaning and counts as a mistake, like any unknown key."""
    went = await stroll(node_id, *"####", results=_items(node_id))
    assert [line["key"] for line in went.of("invalid")] == ["#"] * MENUS[node_id].tries


@pytest.mark.parametrize("node_id", LISTENING)
async def test_silence_is_asked_again_and_given_up(node_id: str):
    """Six seconds of silence, as many times as there are tries, lead to the node's way out."""
    node = MENUS[node_id]
    went = await stroll(node_id, *[None] * 9, results=_items(node_id))
    assert went.nodes == [node_id, node.on_fail]
    assert went.dialogue.waits == [6] * node.tries
    assert len(went.of("timeout")) == node.tries


@pytest.mark.parametrize("node_id", [i for i in LISTENING if MENUS[i].tries == 3])
async def test_silence_and_mistakes_count_together(node_id: str):
    """Two mistakes and one silence are three failures."""
    went = await stroll(node_id, "#", None, "#", results=_items(node_id))
    assert went.nodes == [node_id, MENUS[node_id].on_fail]
    assert not went.hung_up


@pytest.mark.parametrize("node_id", ["MAIN", "Q", "QD", "QS", "QH", "C", "S", "QD-CODE", "C-CODE"])
def test_three_failures_lead_to_people(node_id: str):
    """M-22: whoever does not manage the keys is put through to an operator (by hours: or to the voicemail)."""
    assert (MENUS[node_id].tries, MENUS[node_id].on_fail) == (3, "OP")


def _items(node_id: str) -> dict[str, object]:
    node = MENUS[node_id]
    return {node.handler: [Item(["one"], 1), Item(["two"], 2)]} if isinstance(node, Choice) else {}


# --- entries ---------------------------------------------------------------------------------------------------


async def test_first_key_six_then_four_seconds():
    """An entry waits 6 s for its first key and 4 s for each further one; what was typed is judged then."""
    went = await stroll("QD-CODE", "1", "0", None, None, None, None)
    assert went.dialogue.waits == [6, 4, 4, 6, 6]
    assert [kind for kind, _ in went.notes] == ["node", "key", "invalid", "timeout", "timeout", "node"]


async def test_last_digit_ends_the_entry():
    """Three digits of a department code need no #."""
    went = await stroll("QD-CODE", *"101", results={"unit_code": "found"})
    assert (went.handlers.called[0], went.nodes) == (("unit_code", ("101",)), ["QD-CODE", "QD-OK"])


@pytest.mark.parametrize(
    ("node_id", "digits"), [("QD-CODE", "101"), ("S", "987654321098"), ("C-CODE", "987654321098")]
)
async def test_hash_after_the_last_digit_is_no_mistake(node_id: str, digits: str):
    """「按井号键结束」: whoever presses # as told hears the next node, not that a key was wrong."""
    went = await stroll(node_id, *digits, "#", "*")
    assert not went.of("invalid")
    assert len(went.nodes) > 1


async def test_hash_ends_the_entry_early():
    """# ends what was typed: too few digits are a mistake, enough are taken."""
    assert (await stroll("QD-CODE", "1", "#", "0")).of("invalid") == [{"node": "QD-CODE"}]
    went = await stroll("VM-NUM-ENTRY", *"5551234#", results={"callback_number": "done"})
    assert went.handlers.called == [("callback_number", ("5551234",))]


async def test_hash_alone_is_silence():
    """# without a digit is no entry."""
    assert (await stroll("S", "#", "#", "#")).nodes == ["S", "OP"]


async def test_star_while_typing_starts_the_entry_again():
    """Twelve digits with a slip: * clears them and costs no try; at the beginning * goes up."""
    went = await stroll("S", *"12345*", *"987654321098", results={"query_code": "open"})
    assert went.handlers.called == [("query_code", ("987654321098",))]
    assert not went.of("invalid")
    assert (await stroll("S", "*")).nodes == ["S", "MAIN"]


async def test_zero_is_an_operator_only_as_first_digit():
    """0 first: a person; later: a digit."""
    assert (await stroll("S", "0")).nodes == ["S", "OP"]
    went = await stroll("QD-CODE", *"100", results={"unit_code": "found"})
    assert went.handlers.called == [("unit_code", ("100",))]


async def test_number_may_begin_with_zero():
    """A telephone number begins with 0 and that calls nobody."""
    went = await stroll("VM-NUM-ENTRY", *"08712345678#", results={"callback_number": "done"})
    assert went.handlers.called == [("callback_number", ("08712345678",))]


@pytest.mark.parametrize("node_id", ENTRIES)
async def test_digits_of_codes_are_hidden(node_id: str):
    """The ledger keeps how many digits were typed, never which (query codes and telephone numbers are secrets)."""
    node = MENUS[node_id]
    went = await stroll(node_id, *"7" * node.max_digits)
    keys = [line["key"] for line in went.of("key")]
    assert keys == ["•" * node.max_digits]


async def test_forty_digits():
    """40 digits at a department code: three wrong codes, then a person; nothing breaks."""
    went = await stroll("QD-CODE", *"9" * 40, results={"unit_code": None})
    assert went.nodes == ["QD-CODE", "OP"]
    assert [arguments for _, arguments in went.handlers.called] == [("999",)] * 3


async def test_wrong_code_is_said():
    """An unknown department code is answered with a sentence that says so, and asked again."""
    went = await stroll("QD-CODE", *"999", "0", results={"unit_code": None})
    assert ["unknown-unit-code"] in went.dialogue.played
    assert went.nodes == ["QD-CODE", "OP"]


# --- lists -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 7, 8, 9, 15, 23])
async def test_each_item_of_a_list_can_be_chosen(count: int):
    """Eight items fit on a page; more are told seven a page, 8 turning to the next."""
    items = [Item([f"item-{n}"], n) for n in range(count)]
    for wanted in range(count):
        page, place = divmod(wanted, 7) if count > 8 else (0, wanted)
        went = await stroll("QH", *"8" * page, str(place + 1), results={"hot_questions": items})
        assert went.handlers.picked == [wanted]
        assert went.nodes == ["QH", "QH-ANSWER"]


async def test_last_page_turns_to_the_first():
    """Turning past the end begins again, and is neither a mistake nor a new node."""
    items = [Item([f"item-{n}"], n) for n in range(9)]
    went = await stroll("QH", "8", "8", "1", results={"hot_questions": items})
    assert went.handlers.picked == [0]
    assert (went.of("invalid"), went.nodes) == ([], ["QH", "QH-ANSWER"])


async def test_number_beyond_the_page_is_a_mistake():
    """A key for which the page has no item is told as wrong."""
    items = [Item([f"item-{n}"], n) for n in range(9)]
    went = await stroll("QH", "8", "3", "0", results={"hot_questions": items})
    assert went.of("invalid") == [{"node": "QH", "key": "3"}]


async def test_items_are_spoken_with_their_keys():
    """Every item is followed by the key that chooses it, and a further page is offered."""
    items = [Item([f"item-{n}"], n) for n in range(9)]
    went = await stroll("QH", "0", results={"hot_questions": items})
    assert went.dialogue.played[0] == [
        "choose-question", *(part for n in range(7) for part in (f"item-{n}", f"press-{n + 1}")), "more-press-8"
    ]  # fmt: skip


async def test_empty_list_has_its_way_out():
    """No hot questions: the caller is told so instead of hearing an empty list."""
    assert (await stroll("QH", results={"hot_questions": []})).nodes == ["QH", "QH-NONE"]


# --- the rest --------------------------------------------------------------------------------------------------


async def test_keys_typed_ahead_go_through_menus_at_once():
    """Keys pressed during the welcome serve the menus after it, one each, and nobody waits."""
    went = await Stroll(
        MENUS, [], {**LEAVE, "unit_code": "found", "operator_hours": "open"}, ahead="1111011"
    ).go("WELCOME")
    assert went.nodes == ["WELCOME", "MAIN", "Q", "QD", "QD-CODE", "QD-OK", "QD-HOURS", "TRANSFER"]
    assert went.dialogue.waits == []


async def test_zero_in_the_welcome_calls_a_person():
    """Key 0 works while the welcome is spoken; * and 9 do what they say."""
    results = {**LEAVE, "operator_hours": "open"}
    assert (await Stroll(MENUS, [], results, ahead="0").go("WELCOME")).nodes == ["WELCOME", "OP", "OP-QUEUE"]
    went = await Stroll(MENUS, [], results, ahead="90").go("WELCOME")
    assert went.nodes == ["WELCOME", "OP", "OP-QUEUE"]
    assert went.dialogue.played[:2] == [["welcome"], ["welcome"]]


async def test_code_is_repeated_on_nine():
    """After the code there are three seconds to hear it once more."""
    went = await stroll("CODE", "9", None)
    assert (went.dialogue.waits, went.nodes) == ([3, 3], ["CODE", "AFTER-CODE"])
    assert len(went.dialogue.played) == 3 - 1 + len(went.nodes) - 1


async def test_survey_without_a_key_is_not_asked_again():
    """The survey waits once: no key is not rated, and nobody is urged."""
    went = await stroll("SURVEY", None)
    assert went.nodes == ["SURVEY", "SURVEY-NEXT"]
    assert not [name for name, _ in went.handlers.called if name == "rate_operator"]


@pytest.mark.parametrize(("key", "after"), [("1", "SURVEY-NEXT"), ("2", "SURVEY-NEXT"), ("3", "SURVEY-BAD")])
async def test_survey_scores(key: str, after: str):
    """Each score is handed to the handler and leads on; 3 offers a complaint."""
    went = await stroll("SURVEY", key)
    assert went.handlers.called[0] == ("rate_operator", (key,))
    assert went.nodes == ["SURVEY", after]


@pytest.mark.parametrize("node_id", [node.id for node in MENUS if isinstance(node, Record)])
async def test_message_too_short_is_asked_again(node_id: str):
    """A message under three seconds is refused with a sentence, three times; a real one is kept."""
    node = MENUS[node_id]
    went = await stroll(node_id, messages=[200, 2999, 0])
    assert (went.nodes, went.handlers.saved) == ([node_id, node.on_fail], [])
    went = await stroll(node_id, messages=[200, 3000])
    assert (went.nodes, went.handlers.saved) == ([node_id, node.next], [(node_id, 3000)])


async def test_call_too_long_ends_with_a_person(monkeypatch: pytest.MonkeyPatch):
    """After ten minutes in the menus an operator takes over (§5.6), once."""
    now = [0.0]
    monkeypatch.setattr(walk_module, "monotonic", lambda: now[0])
    went = Stroll(MENUS, [None, "9", "1"], {**LEAVE, "operator_hours": "open"})
    now[0] = 601
    await went.go("MAIN")
    assert went.nodes == ["OP", "OP-QUEUE"]
    assert went.dialogue.played[0] == ["call-too-long"]


async def test_hang_up_is_noticed_at_every_node():
    """A caller who goes away while a node listens ends the walk there: that node is the last in the ledger."""
    for node in MENUS:
        if isinstance(node, Menu | Entry | Choice):
            went = await stroll(node.id, results=_items(node.id))
            assert (went.hung_up, went.nodes) == (True, [node.id])
        elif isinstance(node, Say) and node.wait_s:
            assert (await stroll(node.id)).hung_up
