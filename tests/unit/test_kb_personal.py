"""Personal data in texts: found however it is written, and ordinary public text left alone."""

import pytest

from kb.personal import Kind, find, in_fields


@pytest.mark.parametrize(
    ("text", "kind", "piece"),
    [
        ("请拨13812345678联系", Kind.MOBILE, "13812345678"),
        ("手机：138 1234 5678。", Kind.MOBILE, "138 1234 5678"),
        ("手机138-1234-5678", Kind.MOBILE, "138-1234-5678"),
        ("手机１３８１２３４５６７８", Kind.MOBILE, "13812345678"),
        ("+86 13812345678", Kind.MOBILE, "+86 13812345678"),
        ("家里电话0872-2123456", Kind.LANDLINE, "0872-2123456"),
        ("家里电话（0872）2123456", Kind.LANDLINE, "(0872)2123456"),
        ("电话2123456", Kind.LANDLINE, "2123456"),
        ("身份证530102199003071234", Kind.ID_CARD, "530102199003071234"),
        ("身份证53010219900307123X。", Kind.ID_CARD, "53010219900307123X"),
        ("证号 530102 19900307 1234", Kind.ID_CARD, "530102 19900307 1234"),
        ("老证530102900307123", Kind.ID_CARD, "530102900307123"),
        ("卡号6222021234567890128", Kind.BANK_CARD, "6222021234567890128"),
        ("联系人：王小明，每天在", Kind.NAME, "王小明"),
        ("申请人:欧阳修文", Kind.NAME, "欧阳修文"),
        ("我叫李雷，想问", Kind.NAME, "李雷"),
        ("市民张国强反映", Kind.NAME, "张国强"),
        ("答复李晓华女士", Kind.NAME, "李晓华"),
    ],
)
def test_personal_data_is_found(text: str, kind: Kind, piece: str):
    """Numbers with blanks, dashes and full-width digits; identity cards old and new; names after a cue."""
    found = find(text.replace("（0872）", "(0872)"))
    assert [(one.kind, one.text) for one in found] == [(kind, piece)]


@pytest.mark.parametrize(
    "text",
    [
        "带本人身份证到政务服务中心二楼办理，5个工作日办结，收费120元。",
        "申请人应当提交材料，经办人员核对后联系人社部门。",
        "请拨打12333、12345或96128咨询，客服热线400-810-8888。",
        "依据《中华人民共和国居民身份证法》（2011年10月29日修正）第十条。",
        "事项编码11530000015109MB2000114001000，文号云政发〔2009〕40号。",
        "公示期2026年6月1日至2026年6月10日，共10日。",
        "市民某先生反映，张某已答复；全体同志，方先生。",
        "统一社会信用代码91530100MA6K12345X。",
    ],
)
def test_public_text_is_left_alone(text: str):
    """Service numbers, laws, codes, dates and anonymised people are no personal data."""
    assert find(text) == []


def test_offices_own_numbers_are_public():
    """A unit's published service telephone is not suspicious, another number is."""
    text = "咨询电话0872-2123456，或0872-2129999。"
    assert [one.text for one in find(text, public={"08722123456"})] == ["0872-2129999"]


def test_the_askers_own_name_and_number_are_looked_for_literally():
    """What the ticket knows of the asker is found even where no pattern would."""
    found = find("已请刘备同志到窗口，回电 2123。", known=["刘备", "2123"])
    assert {one.text for one in found} == {"刘备", "2123"}


def test_findings_name_their_field():
    """The sentence says where and what."""
    (one,) = in_fields({"标题": "提取", "答复": "找13812345678"})
    assert one.sentence == "“答复”中疑似手机号码：13812345678"
