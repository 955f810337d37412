"""A telephone that is unregistered in mid-talk: when its page is taken for dead, and when not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.asterisk.ami import ActionRefused
from ivr.board import Board, Seat
from ivr.outages import lost_telephones
from ivr.outages.lost_telephones import LostTelephones
from ivr.tracking.live_call import Leg, LiveCall
from ivr.tracking.tracker import Tracker

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
OPERATOR, DEVICE = 7, "w1001"


class FakeAmi:
    """Tells how many packets have come in: `counts` one after the other; refuses where there is none. Hang-ups are noted."""

    def __init__(self, *counts: str) -> None:
        self.counts = list(counts)
        self.hung_up: list[str] = []

    async def action(self, name: str, **fields: Any) -> dict[str, str]:
        if name == "Hangup":
            self.hung_up.append(fields["Channel"])
            return {}
        assert name == "Getvar"
        if not self.counts:
            raise ActionRefused(action=name, reason="No such channel")
        return {"Value": self.counts.pop(0)}


def board(*, answered: bool = True) -> Board:
    found = Board(Tracker())
    found.seats[OPERATOR] = Seat(
        OPERATOR, "101", "甲", "1001", f"PJSIP/{DEVICE}", paused=False, reason="", since_at=NOW
    )
    call = LiveCall("n1-1.1", "PJSIP/trunk-1", "96128", "139", NOW)
    call.legs["n1-1.2"] = Leg(
        "n1-1.2", f"PJSIP/{DEVICE}-0000000a", "1001", NOW, answered_at=NOW if answered else None
    )
    found.tracker.calls[call.linkedid] = call
    return found


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_telephones, "GRACE_S", 0)
    monkeypatch.setattr(lost_telephones, "LISTEN_S", 0)


class FakeSeats:
    def __init__(self) -> None:
        self.lost: list[str] = []

    async def telephone_lost(self, device: str) -> None:
        self.lost.append(device)


async def lost(ami: FakeAmi, shown: Board, device: str = DEVICE, seats: FakeSeats | None = None) -> list[int]:
    told: list[int] = []

    async def page_lost(user_id: int) -> None:
        told.append(user_id)

    await LostTelephones(ami, shown, seats or FakeSeats(), page_lost).look_after(device)  # type: ignore[arg-type]
    return told


async def test_neither_registered_nor_heard_is_gone():
    """No packet between two looks: the caller is listening to nobody."""
    assert await lost(FakeAmi("500", "500"), board()) == [OPERATOR]


@pytest.mark.parametrize("counts", [("500", "530"), (), ("500",), ("", "")])
async def test_one_that_is_heard_or_cannot_be_asked_is_not(counts: tuple[str, ...]):
    """A hiccup of the network, or a leg that has ended by itself, ends no talk."""
    assert await lost(FakeAmi(*counts), board()) == []


async def test_one_that_is_back_is_not():
    """A page that was reloaded, or has connected anew, is registered before anybody looks."""
    shown = board()
    shown.registered.add(DEVICE)
    assert await lost(FakeAmi("500", "500"), shown) == []


async def test_one_that_only_rings_is_released():
    """Nobody talks there: its leg is ended and queue or ladder goes on; one that has registered again rings on."""
    ami, shown, seats = FakeAmi("0", "0"), board(answered=False), FakeSeats()
    assert await lost(ami, shown, seats=seats) == []
    assert (ami.hung_up, seats.lost) == ([f"PJSIP/{DEVICE}-0000000a"], [DEVICE])
    shown.registered.add(DEVICE)
    assert await lost(ami, shown) == []
    assert len(ami.hung_up) == 1


async def test_another_telephone_is_not():
    """The one on the desk is not the seat's, and whoever has no call loses none: all that can be lost there is a seat."""
    for other in ("1001", "w1009"):
        ami, seats = FakeAmi("0", "0"), FakeSeats()
        assert await lost(ami, board(), other, seats) == []
        assert (ami.hung_up, seats.lost) == ([], [other])
