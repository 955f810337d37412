"""Writes `static/pinyin.json`, the touch keyboard's table: syllable -> characters, spelled words -> words.

`python -m portal.pinyin_table`, once, and again when the sample entries change. Characters and words stand in the order of
how often the sample entries use them, so that what people ask about comes first.
"""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import rjieba
from pypinyin import Style, lazy_pinyin, pinyin

SAMPLES = Path(__file__).parents[1] / "kb" / "demo_entries.jsonl"
TABLE = Path(__file__).parent / "static" / "pinyin.json"
_CHINESE = re.compile("[\u4e00-\u9fff]+")


def common_characters() -> list[str]:
    """The 3 755 characters of the first level of GB 2312."""
    found = [
        bytes([high, low]).decode("gb2312", "ignore")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
    ]
    return [character for character in found if character]


def table(samples: str) -> dict[str, dict[str, str]]:
    """`chars`: syllable -> characters in one string; `words`: spelling -> words, separated by blanks."""
    used = Counter(samples)
    chars: defaultdict[str, list[str]] = defaultdict(list)
    for character in common_characters():
        for sound in pinyin(character, style=Style.NORMAL, heteronym=True, v_to_u=False)[0]:
            chars[sound].append(character)
    words: defaultdict[str, list[str]] = defaultdict(list)
    for word, _ in Counter(_words(samples)).most_common():
        words["".join(lazy_pinyin(word))].append(word)
    return {
        "chars": {
            sound: "".join(sorted(found, key=lambda one: -used[one]))
            for sound, found in sorted(chars.items())
        },
        "words": {sound: " ".join(found) for sound, found in sorted(words.items())},
    }


def _words(samples: str) -> list[str]:
    return [word for word in rjieba.cut(samples) if len(word) > 1 and _CHINESE.fullmatch(word)]


if __name__ == "__main__":
    made = table(SAMPLES.read_text(encoding="utf-8"))
    TABLE.write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
