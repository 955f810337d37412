"""What channels, classes and outcomes are called wherever people read them (工单用语). Pure."""

from tickets.models import Channel, Outcome, QuestionClass

CHANNELS = {
    Channel.PHONE: "电话",
    Channel.VOICEMAIL: "留言",
    Channel.WEB: "网络",
    Channel.WINDOW: "窗口",
    Channel.ARCHIVE: "档案馆",
    Channel.LIBRARY: "图书馆",
    Channel.KIOSK: "自助终端",
    Channel.LETTER: "信函",
    Channel.VISIT: "来访",
    Channel.MAYOR: "市长热线转来",
}
CLASSES = {QuestionClass.GENERAL: "一般性问题", QuestionClass.IMPORTANT: "重要复杂问题"}
OUTCOMES = {
    Outcome.ANSWERED: "当场答复",
    Outcome.TRANSFERRED: "转接后由单位答复",
    Outcome.ASSIGNED: "转单位办理",
    Outcome.UNCLEAR: "无法明确部门 → 政府办",
    Outcome.OTHER_WAYS: "告知其他查询方式",
    Outcome.OUT_OF_SCOPE: "日常事务，超出范围",
    Outcome.DUPLICATE: "并案",
    Outcome.INVALID: "无效来电",
}
