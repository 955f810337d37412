"""What the caller's demonstration telephone needs to be told."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class GuestAccount:
    """One SIP account that enters like the trunk (`guest01`)."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class CallerPhoneSettings:
    enabled: bool = False
    """True in the demo; elsewhere only when somebody switches it on."""
    numbers: tuple[str, ...] = ("96128",)
    """What may be dialled; the first is offered."""
    guests: tuple[GuestAccount, ...] = ()
    calls_a_minute: int = 5
    """Per network address."""
