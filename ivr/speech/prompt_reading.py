"""How written Chinese is to be read aloud (读音): numbers spelt out, marks dropped, toned pinyin for a plain synthesiser.

Pure text. espeak-ng's own readings of Chinese fail on everyday words (银行, 会计, 处长, 地方), so it is given pinyin.
"""

import re

from pypinyin import Style, lazy_pinyin

_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
_PHONE = re.compile(r"(?<!\d)(?:\d{5,}|0\d{2,4}|\d{3,4}(?=-\d{3}))(?:-\d{3,})*")
_YEAR = re.compile(r"(?<!\d)\d{4}(?=年)")
_SHAPES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)"), r"\1年\2月\3日"),
    (re.compile(r"(?<=\d)[-~～—至]+(?=\d{1,2}(?!\d))"), "到"),
    (re.compile(r"(\d{1,2})[:：]00"), r"\1点"),
    (re.compile(r"(\d{1,2})[:：](\d{2})"), r"\1点\2分"),
    (re.compile(r"(\d+(?:\.\d+)?)[%％]"), r"百分之\1"),
)
_UNSPOKEN = re.compile(r"[\x00-\x1f\x7f（）()\[\]【】“”‘’\"'《》<>*#_\s]+")


def speakable(words: str) -> str:
    """Text as a synthesiser should get it: years and phone numbers digit by digit, no brackets or controls.

    Dates, hours and percentages are put into words; other short numbers are read as quantities by the synthesiser.
    """
    for shape, said in _SHAPES:
        words = shape.sub(said, words)
    words = _PHONE.sub(lambda found: _spell(found.group()).replace("一", "幺"), words)
    words = _YEAR.sub(lambda found: _spell(found.group()), words)
    return _UNSPOKEN.sub(" ", words).strip(" -—·、，。；：")


def _spell(digits: str) -> str:
    return "".join(_DIGITS[digit] for digit in digits if digit != "-")


def pinyin(words: str) -> str:
    """`重听，请按` as `chong2 ting1, qing3 an4`: a blank between syllables, ASCII marks for the pauses."""
    syllables = lazy_pinyin(
        words.translate(_MARKS), style=Style.TONE3, neutral_tone_with_five=True, tone_sandhi=True
    )
    return re.sub(r"\s+", " ", " ".join(syllables)).replace(" ,", ",").replace(" .", ".").strip()


_MARKS = str.maketrans({"，": ", ", "、": ", ", "：": ", ", "；": ", ", "。": ". ", "！": ". ", "？": ". "})
