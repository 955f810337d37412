"""Text as the search sees it: normal form, words, characters (分词).

Knows Chinese and nothing of the database. Entries and queries go through the same functions, so that they meet.
"""

import re
import unicodedata
from functools import cache, lru_cache
from importlib import metadata, resources
from itertools import pairwise

import rjieba

CUTTER = f"rjieba {metadata.version('rjieba')}"
"""Written into the index; an index cut by another one is rebuilt."""
BREAK = "|"
"""Stands between two units that punctuation keeps apart."""
_NOISE = re.compile(r"[\W_]+")
_ORDINARY = re.compile(r"[\x00-\x7f\u3400-\u9fff、。〈〉《》「」『』【】·—‘’“”…！（），：；？～￥]*")
"""What NFKC leaves alone, but for marks that are blanks in the end anyway."""
_UNITS = re.compile(r"[\u3400-\u9fff〇]|[^\s\u3400-\u9fff〇]+|\s")
_HAN = re.compile(r"[\u3400-\u9fff〇]+")
_GREETING = re.compile(
    r"您好|你好|喂|麻烦(?:您|你)?(?:问)?一下|麻烦(?:您|你)|打扰一下|(?:我)?(?:想|要)?(?:请问|咨询|请教|打听|了解)(?:一下|下)|请问|请教"
    r"|我想(?:咨询|问|了解|打听)(?:一下|下)?|我要(?:咨询|问)(?:一下|下)?|帮我查(?:一下|下)|问一下|问下|谢谢(?:您|你)?"
)
_LITTLE = """
的 了 吗 呢 吧 啊 呀 么 嘛 着 得 地 把 被 给 在 是 有 没 没有 不 不是 也 都 就 还 又 才
再 很 太 和 与 及 或 或者 而 但 而且 我 我们 你 你们 您 他 她 他们 它 咱 咱们 自己 人家 这
那 这个 那个 这些 那些 这里 那里 这儿 那儿 个 一个 些 一些 一下 下 点 怎么 怎样 怎么样 怎么办
如何 什么 为什么 什么样 啥 咋 咋办 哪 哪里 哪儿 哪个 哪些 哪家 谁 几 多少 多久 多长 何 何时 何处
为何 是否 能否 可否 想 要 想要 需 需要 得要 可 可以 能 能够 会 应 应该 应当 该 去 来 到 从 向
对 对于 关于 由 以 于 为 为了 因 因为 所以 如果 如 若 之 其 所 此 该 等 请 问 说 时 时候 后
以后 之后 前 以前 之前 里 里面 上 中 内 外 东西 事 事情 现在 已经 了解 知道 让 叫 跟 用 的话
样
"""
FUNCTION_WORDS = frozenset(_LITTLE.split())
"""Words that carry little: they count a tenth, and never choose candidates unless nothing else is there."""
FUNCTION_CHARS = frozenset("".join(word for word in FUNCTION_WORDS if len(word) == 1)) | frozenset(
    "怎样么啥咋哪吗呢"
)


@cache
def _simplified() -> dict[int, str]:
    """Traditional -> simplified, character by character; words stay as their region says them."""
    table = resources.files("opencc").joinpath("dictionary/TSCharacters.txt").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if "\t" in line)
    return {ord(old): new.split(" ")[0] for old, new in pairs if len(old) == 1}


@cache
def _traditional() -> re.Pattern[str]:
    """The traditional characters among `_ORDINARY` ones."""
    return re.compile("[" + "".join(chr(code) for code in _simplified() if _HAN.match(chr(code))) + "]")


def normalise(text: str) -> str:
    """NFKC, lower case, simplified characters; whatever is no letter, digit or Han is one blank."""
    if _ORDINARY.fullmatch(text) and not _traditional().search(text):
        plain = text.lower()
    else:
        plain = unicodedata.normalize("NFKC", text).lower().translate(_simplified())
    return _NOISE.sub(" ", plain).strip()


def alike(text: str) -> str:
    """As `normalise` but character by character: as long as the text, so that places in one are places in the other."""
    return text.translate(_ALIKE)


class _Alike(dict[int, str]):
    """Character by character, each looked up once."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        plain = unicodedata.normalize("NFKC", char).lower()
        plain = plain.translate(_simplified())
        self[code] = plain if len(plain) == 1 else char
        return self[code]


_ALIKE = _Alike()


def normalise_query(text: str) -> str:
    """As `normalise`, without greetings, unless nothing but a greeting was typed."""
    plain = normalise(text)
    return " ".join(_GREETING.sub(" ", plain).split()) or plain


def words(normal: str) -> list[str]:
    """The words of a normalised text, long words also in their parts."""
    return [word for word in rjieba.cut_for_search(normal) if not word.isspace()]


def joined_words(normal: str) -> str:
    """The same, joined by one blank or more."""
    return " ".join(rjieba.cut_for_search(normal))


def plain_words(normal: str) -> list[str]:
    """The words of a normalised text, each character in exactly one of them; blanks included."""
    return rjieba.cut(normal)


def units(normal: str) -> list[str]:
    """Han characters one by one, other runs whole, BREAK where a blank was."""
    return [BREAK if unit.isspace() else unit for unit in _UNITS.findall(normal)]


def is_han(text: str) -> bool:
    return _HAN.fullmatch(text) is not None


@lru_cache(maxsize=100_000)
def is_function(term: str) -> bool:
    """Whether a word, bigram or character carries little meaning."""
    return term in FUNCTION_WORDS or all(char in FUNCTION_CHARS for char in term)


def bigrams(parts: list[str]) -> list[str]:
    """Pairs of neighbouring units; in Han text, pairs of characters."""
    return [a + b for a, b in pairwise(parts) if a != BREAK != b]
