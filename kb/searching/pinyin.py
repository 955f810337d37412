"""Syllables of Han text and of typed letters (拼音), for homophones, full, unfinished and initial-letter pinyin."""

from functools import lru_cache
from itertools import pairwise

from pypinyin import lazy_pinyin

from kb.searching.text import BREAK, is_han, plain_words, units

_ALL = """
a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can cang cao ce cen ceng
cha chai chan chang chao che chen cheng chi chong chou chu chuai chuan chuang chui chun chuo ci cong cou cu cuan
cui cun cuo da dai dan dang dao de den deng di dian diao die ding diu dong dou du duan dui dun duo e ei en eng
er fa fan fang fei fen feng fo fou fu ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui
gun guo ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo ji jia jian jiang jiao
jie jin jing jiong jiu ju juan jue jun ka kai kan kang kao ke ken keng kong kou ku kua kuai kuan kuang kui kun
kuo la lai lan lang lao le lei leng li lia lian liang liao lie lin ling liu lo long lou lu luan lun luo lv lve
ma mai man mang mao me mei men meng mi mian miao mie min ming miu mo mou mu na nai nan nang nao ne nei nen neng
ni nian niang niao nie nin ning niu nong nou nu nuan nun nuo nv nve o ou pa pai pan pang pao pei pen peng pi
pian piao pie pin ping po pou pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re
ren reng ri rong rou ru rua ruan rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she shen
sheng shi shou shu shua shuai shuan shuang shui shun shuo si song sou su suan sui sun suo ta tai tan tang tao te
teng ti tian tiao tie ting tong tou tu tuan tui tun tuo wa wai wan wang wei wen weng wo wu xi xia xian xiang
xiao xie xin xing xiong xiu xu xuan xue xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun za zai
zan zang zao ze zei zen zeng zha zhai zhan zhang zhao zhe zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang
zhui zhun zhuo zi zong zou zu zuan zui zun zuo
"""
SYLLABLES = frozenset(_ALL.split())
_PREFIXES = frozenset(syllable[:end] for syllable in SYLLABLES for end in range(1, len(syllable) + 1))
UNEXTENDABLE = frozenset(
    syllable
    for syllable in SYLLABLES
    if not any(other.startswith(syllable) and other != syllable for other in SYLLABLES)
)
"""Syllables that are finished as they stand: gong, but not gon or ji (jin, jiang)."""
_LONGEST = 6
MOST_READINGS = 6
LONGEST_TYPED = 60
PAIR = "0"
"""Joins two syllables into one token of letters and digits, which the full-text index keeps whole."""


@lru_cache(maxsize=200_000)
def _of_word(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Units and sounds of one word, polyphones read as in that word."""
    parts = tuple(units(word))
    if not is_han(word):
        return parts, tuple(_of_word(part)[1][0] if is_han(part) else part for part in parts)
    sounds = tuple(lazy_pinyin(word))
    return parts, sounds if len(sounds) == len(parts) else parts


def sounded(normal: str) -> tuple[list[str], list[str]]:
    """The units of a normalised text and for each its syllable; other runs and breaks stand for themselves."""
    parts: list[str] = []
    sounds: list[str] = []
    for word in plain_words(normal):
        some = _of_word(word)
        parts.extend(some[0])
        sounds.extend(some[1])
    return parts, sounds


def pairs(sounds: list[str]) -> list[str]:
    """Tokens of neighbouring sounds: gong0ji ji0jin."""
    return [f"{a}{PAIR}{b}" for a, b in pairwise(sounds) if a != BREAK != b]


def firsts(sounds: list[str]) -> str:
    """One character for each sound: its first letter, BREAK for a break."""
    return "".join([sound[0] for sound in sounds])


def initials(first: str) -> list[str]:
    """Tokens of three first letters in a row, padded with 0 at the end of a run: gjj jj0 j00."""
    tokens: list[str] = []
    for run in first.split(BREAK):
        tokens.extend(map("".join, zip(run, f"{run[1:]}0", f"{run[2:]}00", strict=False)))
    return [token for token in tokens if token[0] != "0"]


@lru_cache(maxsize=4096)
def readings(letters: str) -> tuple[tuple[str, ...], ...]:
    """How letters split into syllables, fewest first; the last one may be unfinished. Empty: not pinyin."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= LONGEST_TYPED):
        return ()
    ways: list[list[tuple[str, ...]]] = [[] for _ in letters] + [[()]]
    for at in range(len(letters) - 1, -1, -1):
        rest = letters[at:]
        found: list[tuple[str, ...]] = [(rest,)] if rest in _PREFIXES else []
        for end in range(1, min(_LONGEST, len(rest) - 1) + 1):
            if rest[:end] in SYLLABLES:
                found.extend((rest[:end], *way) for way in ways[at + end])
        ways[at] = sorted(found, key=lambda way: (way[-1] not in SYLLABLES, len(way)))[:MOST_READINGS]
    return tuple(ways[0])
