"""Searching by typed letters: full pinyin, unfinished pinyin, first letters, and Han followed by letters (公积j).

Letters fit many words at once (gjj: 公积金, 国家级). The lines are put into groups by the Han text that fits; each
group sends its best line in turn, so that a rarer word is still among the first.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tantivy import Query as Within

from kb.searching import index, pinyin, text
from kb.searching.index import WORD
from kb.searching.query import Query
from kb.searching.terms import Terms

MOST_SOUNDING, MOST_OF_ONE = 500, 150
"""So many lines that fit several sounds, or a single one, are looked at, the shortest first."""


class Fit(NamedTuple):
    """A line by where the letters stand and its length; its entry."""

    inside: bool
    """Not at the beginning"""
    units: int
    entry: int
    han: str


Fits = dict[str, list[Fit]]
"""By the Han text that the letters stand for"""


def search(
    terms: Terms, store: sqlite3.Connection, query: Query, limit: int, within: Within | None
) -> list[int]:
    """Entries whose title or alias sounds like the letters typed, best first; none when they are no pinyin."""
    for ways in _readings(query):
        fits: Fits = defaultdict(list)
        for way in ways:
            _add_fits(fits, terms, store, way, within)
        if fits:
            return _in_turn(fits, terms, limit)
    return []


def _readings(query: Query) -> list[list[tuple[str, ...]]]:
    """Ways to read what was typed, in groups of falling likelihood; the last group is first letters alone."""
    if query.mixed:
        head, letters = query.mixed
        return [[(*head, *way) for way in pinyin.readings(letters)]]
    letters = query.letters
    if not letters:
        return []
    ways = pinyin.readings(letters)
    finished = [way for way in ways if way[-1] in pinyin.SYLLABLES and all(len(s) > 1 for s in way)]
    unfinished = [way for way in ways if way not in finished]
    return [group for group in (finished, unfinished, [tuple(letters)]) if group]


def _add_fits(
    fits: Fits, terms: Terms, store: sqlite3.Connection, way: Sequence[str], within: Within | None
) -> None:
    by_first = all(len(sound) == 1 for sound in way)
    shape = terms.first_letters("".join(way)) if by_first else terms.sounding(way)
    most = MOST_SOUNDING if len(way) > 1 else MOST_OF_ONE
    ids = ",".join(map(str, terms.shortest(shape, most, within)))
    column = "firsts" if by_first else "' ' || sounds"
    wanted = "".join(way) if by_first else " " + " ".join(way)
    for line, han, sounding in store.execute(f"SELECT id, han, {column} FROM line WHERE id IN ({ids})"):  # noqa: S608
        place = sounding.find(wanted)
        at = place if by_first or place < 0 else sounding.count(" ", 0, place)
        held = han[at : at + len(way)]
        if place >= 0 and _is_han(held):
            fits[held].append(Fit(at > 0, len(han), index.entry_of(line), han))


def _in_turn(fits: Fits, terms: Terms, limit: int) -> list[int]:
    """The best of each group, then the second of each, and so on."""
    for group in fits.values():
        group.sort()
    groups = [fits[held] for held in sorted(fits, key=lambda held: _likelihood(held, fits[held], terms))]
    found: dict[int, None] = {}
    for turn in range(limit):
        for group in groups:
            if turn < len(group):
                found.setdefault(group[turn].entry)
        if len(found) >= limit:
            break
    return list(found)[:limit]


def _likelihood(held: str, group: Sequence[Fit], terms: Terms) -> tuple[bool, int, Fit]:
    """The least first: a word of its title, then what many lines hold, then where it stands."""
    is_word = len(held) > 1 and terms.count((WORD, held)) > 0 and held in text.words(group[0].han)
    return not is_word, -len(group), group[0]


_is_han = lru_cache(maxsize=50_000)(text.is_han)
