"""Which seats answer for which region: own ones first, helpers when there is need, nobody's region is everybody's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from core.lines import Line
from core.units import Region
from ivr.board import WaitingView
from ivr.queue.regions import FAR_SPEAKER, HELPER, OWN, Help, Placing, Split

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
PROVINCE, NORTH, SOUTH, TOWN = 1, 10, 20, 11
PARENTS = {PROVINCE: None, NORTH: PROVINCE, SOUTH: PROVINCE, TOWN: NORTH}
NORTH_QUEUE, SOUTH_QUEUE = "operators-n", "operators-s"


def split(
    *,
    helpers: int | None = None,
    operators: tuple[int, ...] = (NORTH, SOUTH),
    languages: tuple[str, ...] = (),
) -> Split:
    lines = [
        Line(number="1", region_id=NORTH, region=Region(id=NORTH, code="n"), overflow_region_id=helpers,
             overflow_wait_s=60, overflow_length=2, languages=languages, language=""),
        Line(number="2", region_id=SOUTH, region=Region(id=SOUTH, code="s"), overflow_wait_s=60, overflow_length=2,
             languages=[], language=""),
    ]  # fmt: skip
    return Split(lines, PARENTS, operators)


def waits(*seconds: int) -> list[WaitingView]:
    return [WaitingView(f"c{s}", "1", NORTH, NOW - timedelta(seconds=s)) for s in seconds]


def wanted(
    rules: Split,
    seats: dict[int, int | None],
    waiting=(),
    help_: Help | None = None,
    speaks: Mapping[int, tuple[str, ...]] = MappingProxyType({}),
):
    placed = {user: Placing(region, speaks.get(user, ())) for user, region in seats.items()}
    return (help_ or Help()).wanted(rules, placed, list(waiting), NOW)


def test_each_region_has_its_own_seats():
    """A seat is in its region's queue and not in another's; those above and within count as own, and so does everybody's."""
    found = wanted(split(), {1: NORTH, 2: SOUTH, 3: TOWN, 4: PROVINCE, 5: None})
    assert found[1] == found[3] == {"operators": OWN, NORTH_QUEUE: OWN}
    assert found[2] == {"operators": OWN, SOUTH_QUEUE: OWN}
    assert found[4] == found[5] == {"operators": OWN, NORTH_QUEUE: OWN, SOUTH_QUEUE: OWN}


def test_one_region_needs_one_queue():
    """Lines of a single region leave everybody in the common queue."""
    lines = split().lines[:1]
    assert wanted(Split(lines, PARENTS, (NORTH,)), {1: NORTH, 2: SOUTH}) == {
        1: {"operators": OWN},
        2: {"operators": OWN},
    }


def test_a_region_without_operators_is_everybodys():
    """Where no operator is on record for a region, all seats serve it."""
    assert NORTH_QUEUE in wanted(split(operators=(SOUTH,)), {2: SOUTH})[2]


def test_help_by_wait_and_by_length_lasts_until_nobody_waits():
    """The region named for help joins behind the own seats, by wait or by length, and leaves when the queue is empty."""
    rules, seats, help_ = split(helpers=SOUTH), {1: NORTH, 2: SOUTH}, Help()
    assert NORTH_QUEUE not in wanted(rules, seats, waits(59, 10), help_)[2]
    assert wanted(rules, seats, waits(60), help_)[2][NORTH_QUEUE] == HELPER
    assert wanted(rules, seats, waits(5), help_)[2][NORTH_QUEUE] == HELPER
    assert NORTH_QUEUE not in wanted(rules, seats, [], help_)[2]
    assert wanted(rules, seats, waits(1, 2, 3), help_)[2][NORTH_QUEUE] == HELPER
    assert NORTH_QUEUE not in wanted(split(), seats, waits(600), Help())[2]


def test_help_at_once_where_nobody_of_the_region_is_at_work():
    """With no own seat signed in the helpers are in the queue from the beginning."""
    assert wanted(split(helpers=SOUTH), {2: SOUTH})[2][NORTH_QUEUE] == HELPER


def test_a_language_has_its_speakers_first():
    """Seats of the region that speak it, then speakers elsewhere; the region's other seats are not asked."""
    rules = split(languages=("bai",))
    found = wanted(rules, {1: NORTH, 2: NORTH, 3: SOUTH}, speaks={1: ("bai",), 3: ("bai", "yi")})
    queue = f"{NORTH_QUEUE}-bai"
    assert {user: queues.get(queue) for user, queues in found.items()} == {1: OWN, 2: None, 3: FAR_SPEAKER}
    assert found[1][NORTH_QUEUE] == OWN
    assert not any(queue.endswith("-yi") for queue in found[3])


def test_other_seats_help_a_language_after_the_wait():
    """A caller who has waited as long as the line says is offered to all seats of the region until nobody waits there."""
    rules, seats, help_, speaks = split(languages=("bai",)), {1: NORTH, 2: NORTH}, Help(), {1: ("bai",)}
    queue = f"{NORTH_QUEUE}-bai"

    def helps(*seconds: int) -> bool:
        views = [WaitingView("c", "1", NORTH, NOW - timedelta(seconds=s), queue) for s in seconds]
        return wanted(rules, seats, views, help_, speaks)[2].get(queue) == HELPER

    assert [helps(59), helps(60), helps(5), helps(), helps(5)] == [False, True, True, False, False]


def test_without_a_speaker_at_work_all_seats_serve_at_once():
    """Nobody waits for a language that nobody there speaks; one queue for all regions has its languages as well."""
    lines = split(languages=("bai",)).lines[:1]
    assert wanted(Split(lines, PARENTS, (NORTH,)), {1: NORTH}) == {
        1: {"operators": OWN, "operators-bai": HELPER}
    }
