"""Personal data in a text that is to be published (个人信息检查, §5.10): patterns found, never removed by themselves.

Pure. A pattern is a suspicion: an editor looks at each, takes it out or confirms that it may be public; an identity
card number never may.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

ID_BIRTH = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭郎鲁韦马苗凤方俞任袁柳"
    "鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于傅皮卞齐康伍余元卜顾孟黄穆萧尹姚邵汪祁毛禹狄贝明臧伏成戴宋庞熊纪舒"
    "屈项祝董梁杜阮蓝闵席季贾路娄江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万柯管卢莫经房裘解应宗丁宣邓郁杭洪包左"
    "石崔吉龚程邢裴陆荣翁荀甄曲家封储靳段巫焦巴车侯全班秋仲宫宁仇栾甘厉戎祖武符刘景詹束龙叶幸司黎薄印白蒲邰从鄂索"
    "籍赖卓蔺屠蒙池乔阴闻党翟谭贡姬申扶堵冉宰郦雍璩桑桂濮牛寿通边扈燕冀尚农温别庄晏柴瞿阎慕连习艾容向古易廖庾终"
    "步耿满弘匡国文寇广欧沃利蔚越隆师巩聂晁敖融冷訾辛简饶曾沙养丰关荆游权盖益桓公付肖"
)
COMPOUND = "欧阳|上官|司马|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|南宫|夏侯|长孙|宇文|轩辕|端木"
_NAME = rf"(?:(?:{COMPOUND})[一-鿿]{{1,2}}|[{SURNAMES}](?!某)[一-鿿]{{1,2}}?)"
_END = r"(?=[\s,.;，。；、：:（(）)]|$)"
_FULL_WIDTH = {0xFF10 + digit: ord("0") + digit for digit in range(10)} | {0xFF38: ord("X"), 0xFF58: ord("x")}
_FULL_WIDTH |= {ord("－"): ord("-"), ord("—"): ord("-"), ord("　"): ord(" ")}


class Kind(StrEnum):
    ID_CARD = "身份证号码"
    MOBILE = "手机号码"
    LANDLINE = "电话号码"
    BANK_CARD = "银行卡号"
    NAME = "姓名"


_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        Kind.ID_CARD,
        re.compile(rf"(?<![0-9A-Za-z])([1-8]\d{{5}}[ -]?(?:18|19|20)\d{{2}}{ID_BIRTH}[ -]?\d{{3}}[\dXx])(?![0-9A-Za-z])"),
    ),
    (Kind.ID_CARD, re.compile(rf"(?<![0-9A-Za-z])([1-8]\d{{5}}\d{{2}}{ID_BIRTH}\d{{3}})(?![0-9A-Za-z])")),
    (Kind.BANK_CARD, re.compile(r"(?<![0-9A-Za-z])((?:4|5|6)\d{3}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?)(?![0-9A-Za-z])")),
    (Kind.MOBILE, re.compile(r"(?<!\d)((?:\+?86[ -]?)?1[3-9](?:[ -]?\d){9})(?!\d)")),
    (Kind.LANDLINE, re.compile(r"(?<!\d)([(（]?0\d{2,3}[)）]?[ -]{0,2}[2-9]\d{2,3}[ -]?\d{4})(?!\d)")),
    (Kind.LANDLINE, re.compile(r"(?:电话|座机|手机|联系方式|致电|拨打)[是为:： ]*([2-9]\d{2,3}[ -]?\d{4})(?!\d)")),
    (Kind.NAME, re.compile(rf"(?:姓名|名叫|我叫|(?:联系|申请|经办|投诉|举报|当事|来电|反映|监护)人|户主|业主)[:： ]*({_NAME}){_END}")),
    (Kind.NAME, re.compile(rf"(?:我是|市民|居民|村民|群众|患者|学生|家长)({_NAME})(?:{_END}|(?=先生|女士|反映|来电))")),
    (Kind.NAME, re.compile(rf"({_NAME})(?=先生|女士|小姐|大爷|大妈|阿姨)")),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One suspicious piece of a text."""

    kind: Kind
    text: str
    field: str = ""
    """Chinese name of the field it stands in"""

    @property
    def sentence(self) -> str:
        place = f"“{self.field}”中" if self.field else ""
        return f"{place}疑似{self.kind}：{self.text}"


def find(text: str, *, public: Collection[str] = (), known: Iterable[str] = ()) -> list[Finding]:
    """Everything suspicious in a text, in the order of the patterns.

    `public`: telephone numbers that offices publish, digits only, which are not suspicious.
    `known`: what belongs to a person for certain (the asker's name and number) and is looked for literally.
    """
    plain, found = text.translate(_FULL_WIDTH), dict[str, Finding]()
    for word in known:
        if len(word) > 1 and word in plain:
            found[word] = Finding(Kind.MOBILE if word.isdigit() else Kind.NAME, word)
    for kind, piece in _pieces(plain):
        if "".join(filter(str.isdigit, piece)) not in public and not any(piece in seen for seen in found):
            found[piece] = Finding(kind, piece)
    return list(found.values())


def in_fields(texts: Mapping[str, str], **options: Collection[str]) -> list[Finding]:
    """As `find` over several fields by their Chinese names."""
    return [
        Finding(one.kind, one.text, field) for field, text in texts.items() for one in find(text, **options)
    ]


def _pieces(plain: str) -> Iterator[tuple[Kind, str]]:
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            if kind != Kind.BANK_CARD or _has_check_digit(match[1]):
                yield kind, match[1]


def _has_check_digit(card: str) -> bool:
    """The Luhn sum of payment cards; other long numbers are no cards."""
    total = 0
    for place, digit in enumerate(reversed([int(sign) for sign in card if sign.isdigit()])):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
