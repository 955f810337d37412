"""News from the telephone (frozen): published on the bus for the desk, the wallboard and the recordings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """Something about one seat or its call changed; read the board for what."""

    user_id: int


@dataclass(frozen=True, slots=True)
class BoardChanged:
    """Something about waiting callers, calls or seats changed."""

    elsewhere: bool = False
    """At another node."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over and its ledger is stored."""

    linkedid: str
    direction: str
