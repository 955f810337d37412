"""Terms as numbers: what the ranking compares by the thousand. Both sides, index and query, make them here."""

from array import array
from collections.abc import Iterable
from zlib import crc32


def key(field: str, term: str) -> int:
    """The same term is another number in another field."""
    return crc32(term.encode(), ord(field))


def keys(field: str, joined: str) -> bytes:
    """The different terms of a text joined by blanks, four bytes each; none for an empty text."""
    start = ord(field)
    return array("I", {crc32(term, start) for term in joined.encode().split()}).tobytes()


def union(some: Iterable[bytes]) -> bytes:
    """The different ones among the keys of several texts."""
    return array("I", set(array("I", b"".join(some)))).tobytes()


def sizes(parts: Iterable[bytes]) -> bytes:
    """How many keys each part has, two bytes each: what tells them apart once they are joined."""
    return array("H", [len(part) // 4 for part in parts]).tobytes()
