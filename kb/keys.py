"""Terms as numbers: what the ranking compares by the thousand. Both sides, index and query, make them here."""

from array import array
from zlib import crc32


def key(term: str) -> int:
    return crc32(term.encode())


def keys(joined: str) -> bytes:
    """The different terms of a text joined by blanks, four bytes each; none for an empty text."""
    return array("I", sorted({key(term) for term in joined.split()})).tobytes()
