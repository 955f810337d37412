"""What of a hit is shown, and which of its characters stand out (摘要与标注). Pure."""

from collections.abc import Iterable

from kb import text
from kb.query import Query

SNIPPET = 90
Marks = list[tuple[int, int]]
"""Start and end of each piece that stands out, in characters, in order, none touching another"""


def snippet(answer: str, query: Query) -> str:
    """The piece of an answer around the first long word of the query in it; its beginning when there is none."""
    flat = " ".join(answer.split())
    plain = flat.lower()
    places = [plain.find(word) for word in sorted(query.words, key=len, reverse=True) if len(word) > 1]
    at = next((place for place in places if place >= 0), 0)
    start = max(0, at - SNIPPET // 3) if at > SNIPPET * 2 // 3 else 0
    piece = flat[start : start + SNIPPET]
    return ("…" if start else "") + piece + ("…" if start + SNIPPET < len(flat) else "")


def marks(shown: str, query: Query) -> Marks:
    """Where the query's words stand in a text; its pairs of characters where no word does."""
    plain = text.alike(shown)
    words = [word for word in query.words if not text.is_function(word)]
    return _joined(_places(plain, words)) or _joined(_places(plain, query.bigrams))


def _places(plain: str, pieces: Iterable[str]) -> Marks:
    found = []
    for piece in pieces:
        at = plain.find(piece)
        while at >= 0:
            found.append((at, at + len(piece)))
            at = plain.find(piece, at + 1)
    return found


def _joined(found: Marks) -> Marks:
    joined: Marks = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
