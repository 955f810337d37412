"""Which telephones can be reached (话机): those registered that answer Asterisk's OPTIONS, shown on the board.

Asterisk asks each every ten seconds (`dialplan/pjsip.conf`), rings none that does not answer, and says here what changes.
What follows from one that is lost is `ivr.outages.lost_telephones`', and of the trunk `ivr.outages.silent_trunk`'s.
"""

from collections.abc import Callable

from ivr.asterisk.ami import ActionRefused, Ami, value_of
from ivr.asterisk.ami_protocol import Fields
from ivr.asterisk.site import TRUNK, TRUNK_WATCH
from ivr.board import Board

GONE = ("Removed", "Unreachable")
NO_CONTACTS = "No Contacts"
"""How Asterisk refuses to list what is not there; one that is still starting refuses otherwise."""
_TRUNK_ANSWERS = {"Reachable": True, "Unreachable": False}


class Telephones:
    """`changed` is told of a device (`w1001`, `2001`) that has come or gone, before anybody else is."""

    def __init__(self, ami: Ami, board: Board, changed: Callable[[str], None]) -> None:
        self._ami = ami
        self._board = board
        self._changed = changed
        self.on_gone: Callable[[str], None] = lambda _: None
        self.on_back: Callable[[str], None] = lambda _: None
        self.on_trunk: Callable[[bool], None] = lambda _: None
        """Told whether the trunk answers; set, as the two before, by the composition root."""
        self._contacts: dict[str, set[str]] = {}
        """Reachable addresses of each telephone."""

    def contact(self, event: Fields) -> None:
        """An address came or went (`ContactStatus`)."""
        device, uri, status = event.get("AOR", ""), event.get("URI", ""), event.get("ContactStatus", "")
        if device == TRUNK_WATCH:
            self._trunk(status)
        elif device and uri and device != TRUNK:
            self._telephone(device, uri, is_there=status not in GONE)

    def _trunk(self, status: str) -> None:
        if status in _TRUNK_ANSWERS:
            self.on_trunk(_TRUNK_ANSWERS[status])

    def _telephone(self, device: str, uri: str, *, is_there: bool) -> None:
        """A new registration may arrive before the old one is taken away."""
        contacts = self._contacts.setdefault(device, set())
        before = bool(contacts)
        if is_there:
            self._ask_at_once(device, contacts - {uri})
            contacts.add(uri)
        else:
            contacts.discard(uri)
        if before == bool(contacts):
            return
        (self._board.registered.discard if before else self._board.registered.add)(device)
        self._changed(device)
        (self.on_gone if before else self.on_back)(device)

    def _ask_at_once(self, device: str, others: set[str]) -> None:
        """One that registers from elsewhere would be asked in its turn only, and not be rung by the queue until then."""
        if others and self._ami.up:
            self._ami.post("PJSIPQualify", Endpoint=device)

    async def resync(self) -> None:
        """Those that Asterisk has now."""
        self._contacts = await self._ask()
        self._board.registered.clear()
        self._board.registered.update(self._contacts)
        address = await value_of(self._ami, f"PJSIP_AOR({TRUNK_WATCH},contact)")
        self._trunk(await value_of(self._ami, f"PJSIP_CONTACT({address},status)") if address else "")

    async def _ask(self) -> dict[str, set[str]]:
        try:
            rows = await self._ami.listing("PJSIPShowContacts")
        except ActionRefused as refused:
            if NO_CONTACTS not in str(refused.fields.get("reason")):
                raise
            return {}
        found: dict[str, set[str]] = {}
        for row in rows:
            if row.get("Status") not in GONE:
                found.setdefault(row.get("Endpoint", ""), set()).add(row.get("Uri", ""))
        return found
