"""Writes `static/pinyin.json`, the touch keyboard's table: syllable -> characters, and words.

`python -m portal.displays.pinyin_table DICTIONARY`, once, and again when the sample entries change; where the dictionary comes from
is in docs/vendored.md. Words of the sample entries come first, by how often these use them, then the dictionary's by how
often people do.
"""

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import rjieba
from pypinyin import Style, lazy_pinyin, pinyin

SAMPLES = Path(__file__).parents[2] / "kb" / "demo_entries.jsonl"
TABLE = Path(__file__).parents[1] / "static" / "pinyin.json"
WORDS = 9_000
"""As many as keep the kiosk's first visit below a hundred kilobytes."""
LONGEST_WORD = 4
_CHINESE = re.compile("[\u4e00-\u9fff]+")
_NAME_OF_A_PERSON = "nr"


def common_characters() -> list[str]:
    """The 3 755 characters of the first level of GB 2312."""
    found = [
        bytes([high, low]).decode("gb2312", "ignore")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
    ]
    return [character for character in found if character]


def dictionary(lines: Iterable[str]) -> dict[str, int]:
    """Words of up to four common characters -> how often they are used; a line is `word count kind`. No persons' names."""
    common = set(common_characters())
    rows = (line.split() for line in lines)
    return {
        word: int(count)
        for word, count, kind in rows
        if not kind.startswith(_NAME_OF_A_PERSON) and len(word) <= LONGEST_WORD and common.issuperset(word)
    }


def table(samples: str, known: Mapping[str, int]) -> dict[str, Any]:
    """`chars`: syllable -> characters it is the usual sound of, a blank, those that also sound so; by use.

    `words`: separated by blanks; one with an unusual sound has it before it, like `yin'hang银行`.
    """
    usual: defaultdict[str, list[str]] = defaultdict(list)
    other: defaultdict[str, list[str]] = defaultdict(list)
    for character in _by_use(samples, known):
        first = lazy_pinyin(character)[0]
        usual[first].append(character)
        for sound in {*pinyin(character, style=Style.NORMAL, heteronym=True)[0]} - {first}:
            other[sound].append(character)
    ours = [word for word, _ in Counter(_words(samples)).most_common()]
    others = sorted((word for word in known if len(word) > 1), key=lambda word: -known[word])
    return {
        "chars": {sound: _two(usual[sound], other[sound]) for sound in sorted({*usual, *other})},
        "words": " ".join(_spelled(word) for word in islice(dict.fromkeys([*ours, *others]), WORDS)),
    }


def _by_use(samples: str, known: Mapping[str, int]) -> list[str]:
    """The common characters: what people write and what they ask about count the same."""
    asked, written = Counter(samples), Counter[str]()
    for word, count in known.items():
        written.update(dict.fromkeys(word, count))
    shares = [(counts, counts.total()) for counts in (asked, written)]
    return sorted(common_characters(), key=lambda one: -sum(counts[one] / total for counts, total in shares))


def _two(usual: list[str], other: list[str]) -> str:
    return " ".join(["".join(usual), "".join(other)]).rstrip()


def _spelled(word: str) -> str:
    sounds = lazy_pinyin(word)
    as_usual = sounds == [lazy_pinyin(character)[0] for character in word]
    return word if as_usual else "'".join(sounds) + word


def _words(samples: str) -> list[str]:
    return [word for word in rjieba.cut(samples) if len(word) > 1 and _CHINESE.fullmatch(word)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dictionary", type=Path)
    found = dictionary(parser.parse_args().dictionary.read_text(encoding="utf-8").splitlines())
    made = table(SAMPLES.read_text(encoding="utf-8"), found)
    TABLE.write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
