"""Entries made into what the index keeps (索引准备): words, sounds and marks. Pure, so that a rebuild can use every core."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from kb.searching import pinyin, text
from kb.searching.index import ANSWER, CHAR, MOST_LINES, PAIR, RANKED, SOUND, WORD, line_of, sortable
from kb.searching.keys import keys, sizes

PUBLIC = "public"


class Doc(NamedTuple):
    """One entry as the index wants it; dates as ISO text or None; `aliases` with their weights."""

    id: int
    title: str
    answer: str
    stamp: str = ""
    source: str = ""
    source_id: str = ""
    unit_id: int | None = None
    region_id: int | None = None
    unit: str = ""
    kind: str = "faq"
    category: str = ""
    keywords: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    review_by: str | None = None
    public: bool = True
    chosen: float = 0.0
    chosen_on: str | None = None
    aliases: tuple[tuple[str, float], ...] = ()


class Line(NamedTuple):
    """A title or alias: as the ranking reads it, and its terms."""

    id: int
    weight: float
    han: str
    firsts: str
    """One character for each unit: itself where it is Han, and its first letter"""
    sounds: str
    sizes: bytes
    keys: bytes
    """of `RANKED`, and how many of each"""
    sortable: int
    units: str
    words: str
    pairs: str
    sound_pairs: str
    triples: str


class Prepared(NamedTuple):
    doc: Doc
    words: str
    """of the answer, keywords, category and unit"""
    word_keys: bytes
    marks: str
    lines: tuple[Line, ...]


def prepare(docs: Iterable[Doc]) -> list[Prepared]:
    return [_prepared(doc) for doc in docs]


def _prepared(doc: Doc) -> Prepared:
    words = text.joined_words(text.normalise(f"{doc.answer} {doc.keywords} {doc.category} {doc.unit}"))
    asked: Sequence[tuple[str, float]] = ((doc.title, 1.0), *doc.aliases[: MOST_LINES - 1])
    lines = tuple(_line(doc.id, place, *one) for place, one in enumerate(asked))
    return Prepared(doc, words, keys(ANSWER, words), " ".join(_marks(doc)), lines)


def _line(doc_id: int, place: int, asked: str, weight: float) -> Line:
    normal = text.normalise(asked)
    parts, sounds = pinyin.sounded(normal)
    firsts = pinyin.firsts(sounds)
    units, words, pairs = " ".join(parts), text.joined_words(normal), " ".join(text.bigrams(parts))
    sound_pairs = " ".join(pinyin.pairs(sounds))
    terms = {CHAR: units, WORD: words, PAIR: pairs, SOUND: sound_pairs}
    ranked = [keys(field, terms[field]) for field in RANKED]
    line = line_of(doc_id, place)
    return Line(
        id=line,
        weight=weight,
        han=pinyin.firsts(parts),
        firsts=firsts,
        sounds=" ".join(sounds),
        sizes=sizes(ranked),
        keys=b"".join(ranked),
        sortable=sortable(line, len(parts)),
        units=units,
        words=words,
        pairs=pairs,
        sound_pairs=sound_pairs,
        triples=" ".join(pinyin.initials(firsts)),
    )


def _marks(doc: Doc) -> list[str]:
    marks = [unit_name_mark(doc.unit), kind_mark(doc.kind)]
    if doc.public:
        marks.append(PUBLIC)
    if doc.unit_id is not None:
        marks.append(unit_mark(doc.unit_id))
    if doc.region_id is not None:
        marks.append(region_mark(doc.region_id))
    return marks


def unit_name_mark(name: str) -> str:
    """One token for a unit's name, known or not among the units."""
    return "n" + blake2b(name.encode(), digest_size=8).hexdigest()


def unit_mark(unit_id: int) -> str:
    return f"u{unit_id}"


def region_mark(region_id: int) -> str:
    return f"r{region_id}"


def kind_mark(kind: str) -> str:
    return f"k{kind}"
