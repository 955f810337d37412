"""What of a hit is shown, and which of its characters stand out (摘要与标注). Pure."""

from collections.abc import Iterable

from kb.searching import text
from kb.searching.query import Query

SNIPPET = 90
Marks = list[tuple[int, int]]
"""Start and end of each piece that stands out, in characters, in order, none touching another"""


class Highlighter:
    """Shows texts in the light of one query."""

    def __init__(self, query: Query) -> None:
        self._long = [word for word in sorted(query.words, key=len, reverse=True) if len(word) > 1]
        self._telling = [word for word in query.words if not text.is_function(word)]
        self._pairs = list(query.bigrams)

    def snippet(self, answer: str) -> str:
        """The piece of an answer around the first long word of the query in it; its beginning when there is none."""
        flat = " ".join(answer.split())
        plain = flat.lower()
        at = next((place for word in self._long if (place := plain.find(word)) >= 0), 0)
        start = max(0, at - SNIPPET // 3) if at > SNIPPET * 2 // 3 else 0
        piece = flat[start : start + SNIPPET]
        return ("…" if start else "") + piece + ("…" if start + SNIPPET < len(flat) else "")

    def marks(self, shown: str) -> Marks:
        """Where the query's words stand in a text; its pairs of characters where no word does."""
        plain = text.alike(shown)
        return _joined(_places(plain, self._telling)) or _joined(_places(plain, self._pairs))


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
