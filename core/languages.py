"""The languages a caller may be served in besides Mandarin (语言): codes, names, and which an operator speaks."""

LANGUAGES = {
    "local": "本地方言", "yi": "彝语", "bai": "白语", "hani": "哈尼语", "dai": "傣语", "zhuang": "壮语", "miao": "苗语", "lisu": "傈僳语",
    "lahu": "拉祜语", "va": "佤语", "naxi": "纳西语", "yao": "瑶语", "jingpo": "景颇语", "zang": "藏语", "blang": "布朗语", "achang": "阿昌语",
    "pumi": "普米语", "nu": "怒语", "jino": "基诺语", "deang": "德昂语", "meng": "蒙古语", "wei": "维吾尔语", "en": "英语",
}  # fmt: skip
MANDARIN = "普通话"
