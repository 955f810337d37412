"""The expected wait: told only to who must wait, from the talks of late, in the words a Mandarin speaker expects."""

from datetime import UTC, datetime
from types import SimpleNamespace

from ivr.queue.expected_wait import ExpectedWait, Place
from ivr.speech import spoken

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)


def board(*states: str, waiting: int = 0) -> SimpleNamespace:
    agents = [SimpleNamespace(user_id=n, state=state, registered=True) for n, state in enumerate(states)]
    seats = {agent.user_id: SimpleNamespace(queues={"operators": 0}) for agent in agents}
    calls = [SimpleNamespace(queue="operators")] * waiting
    return SimpleNamespace(seats=seats, agents=lambda: agents, waiting=lambda: calls)


def test_nothing_to_tell_when_an_operator_is_free_or_none_is_there():
    """A free seat takes the call at once; with nobody at work there is no wait to speak of."""
    wait = ExpectedWait()
    assert wait.place(board("ready", "talking"), "operators") is None
    assert wait.place(board("paused"), "operators") is None
    assert wait.place(board("talking"), "operators-x") is None


def test_the_wait_follows_the_queue_the_seats_and_the_talks():
    """Three minutes a talk at first: one ahead and two seats make three minutes; longer talks make it longer."""
    wait = ExpectedWait()
    assert wait.place(board("talking", "wrapup", waiting=1), "operators") == Place(2, 3)
    wait.talked(570_000)
    assert wait.place(board("talking", "wrapup", waiting=1), "operators") == Place(2, 10)


def test_two_minutes_are_liang():
    """两分钟, and 第二位."""
    assert spoken.expected_wait(2) == ["queue-holdtime", "num-liang", "queue-minutes"]
    assert spoken.position(2)[1] == "num-2"
