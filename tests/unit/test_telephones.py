"""Which telephones can be reached, as Asterisk tells of their addresses."""

from typing import Any

import pytest

from ivr.board import Board
from ivr.queue.telephones import Telephones
from ivr.tracking.tracker import Tracker

HERE, THERE = "sip:1001@10.0.0.1:5060", "sip:1001@10.0.0.2:5060"


class FakeAmi:
    up = True

    def __init__(self, *rows: dict[str, str]) -> None:
        self.rows = rows
        self.asked: list[str] = []

    def post(self, name: str, **fields: Any) -> None:
        assert name == "PJSIPQualify"
        self.asked.append(fields["Endpoint"])

    async def action(self, name: str, **fields: Any) -> dict[str, str]:
        assert name == "Getvar"
        trunk = {
            "PJSIP_AOR(trunk-watch,contact)": "trunk-watch@@1",
            "PJSIP_CONTACT(trunk-watch@@1,status)": "Reachable",
        }
        return {"Value": trunk[fields["Variable"]]}

    async def listing(self, name: str) -> list[dict[str, str]]:
        assert name == "PJSIPShowContacts"
        return list(self.rows)


class Told:
    def __init__(self, *rows: dict[str, str]) -> None:
        self.news: list[str] = []
        self.trunk: list[bool] = []
        self.board = Board(Tracker())
        self.ami: Any = FakeAmi(*rows)
        self.telephones = Telephones(self.ami, self.board, lambda _: None)
        self.telephones.on_gone = lambda device: self.news.append(f"-{device}")
        self.telephones.on_back = lambda device: self.news.append(f"+{device}")
        self.telephones.on_trunk = self.trunk.append

    def contact(self, status: str, uri: str = HERE, device: str = "1001") -> None:
        self.telephones.contact({"AOR": device, "URI": uri, "ContactStatus": status})


@pytest.mark.parametrize("gone", ["Removed", "Unreachable"])
def test_one_comes_and_goes(gone: str):
    """Unregistered and unanswering are the same: it cannot be reached, and is told of once."""
    told = Told()
    for status in ("NonQualified", "Reachable", "Reachable", gone, gone):
        told.contact(status)
    assert (told.news, told.board.registered) == (["+1001", "-1001"], set())
    told.contact("Reachable")
    assert (told.news[2:], told.board.registered) == (["+1001"], {"1001"})


def test_one_that_moves_is_there_all_the_time():
    """The new registration comes before the old one ends: it is asked at once, so that it need not wait for its turn to be rung."""
    told = Told()
    told.contact("Reachable")
    assert told.ami.asked == []
    told.contact("NonQualified", THERE)
    told.contact("Removed")
    assert (told.news, told.ami.asked, told.board.registered) == (["+1001"], ["1001"], {"1001"})


def test_the_trunk_is_no_telephone():
    """Of the trunk it is told whether it answers, nothing else; what has no name or address is passed over."""
    told = Told()
    for status in ("NonQualified", "Reachable", "Unreachable", "Removed"):
        told.contact(status, device="trunk-watch")
        told.contact(status, device="trunk")
    told.contact("Reachable", device="")
    told.contact("Reachable", uri="")
    assert (told.trunk, told.news, told.board.registered) == ([True, False], [], set())


async def test_after_a_break_the_list_counts():
    """Who is listed as unreachable cannot be reached, and who is not listed is gone; the trunk, in no list, is asked for by name."""
    told = Told(
        {"Endpoint": "1001", "Uri": HERE, "Status": "Reachable"},
        {"Endpoint": "1002", "Uri": THERE, "Status": "Unreachable"},
    )
    told.board.registered.add("2001")
    await told.telephones.resync()
    assert (told.board.registered, told.trunk) == ({"1001"}, [True])
