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

from kb import index, pinyin, text
from kb.query import Query
from kb.terms import Terms

MOST_SOUNDING = 500
"""So many lines that fit are looked at, the shortest first."""


class Fit(NamedTuple):
    """A line by where the letters stand and its length, its entry, and the Han text that the letters stand for."""

    inside: bool
    """Not at the beginning"""
    units: int
    doc: int
    held: str
    whole_words: bool


def search(
    terms: Terms, store: sqlite3.Connection, query: Query, limit: int, within: Within | None
) -> list[int]:
    """Entries whose title or alias sounds like the letters typed, best first; none when they are no pinyin."""
    for ways in _readings(query):
        fits = [fit for way in ways for fit in _fits(terms, store, way, within)]
        if fits:
            return _in_turn(fits, limit)
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


def _fits(terms: Terms, store: sqlite3.Connection, way: Sequence[str], within: Within | None) -> list[Fit]:
    by_first = all(len(sound) == 1 for sound in way)
    shape = terms.first_letters("".join(way)) if by_first else terms.sounding(way)
    ids = ",".join(str(line) for line in terms.shortest(shape, MOST_SOUNDING, within))
    column = "firsts" if by_first else "' ' || sounds"
    rows = store.execute(f"SELECT id, units, {column}, words FROM line WHERE id IN ({ids})")  # noqa: S608
    wanted = "".join(way) if by_first else " " + " ".join(way)
    fits = []
    for line, joined, sounding, words in rows:
        place = sounding.find(wanted)
        at = place if by_first or place < 0 else sounding.count(" ", 0, place)
        units = joined.split(" ")
        held = "".join(units[at : at + len(way)])
        if place >= 0 and _is_han(held):
            whole = f" {held} " in f" {words} "
            fits.append(Fit(at > 0, len(units), index.entry_of(line), held, whole))
    return fits


def _in_turn(fits: list[Fit], limit: int) -> list[int]:
    groups: dict[str, list[Fit]] = defaultdict(list)
    for fit in fits:
        groups[fit.held].append(fit)
    for group in groups.values():
        group.sort()
    order = sorted(groups.values(), key=_likelihood, reverse=True)
    found: dict[int, None] = {}
    for turn in range(limit):
        for group in order:
            if turn < len(group):
                found.setdefault(group[turn].doc)
        if len(found) >= limit:
            break
    return list(found)[:limit]


def _likelihood(group: list[Fit]) -> tuple[bool, int]:
    return group[0].whole_words, len(group)


_is_han = lru_cache(maxsize=50_000)(text.is_han)
