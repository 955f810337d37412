"""What channels and classes are called wherever people read them (工单用语). Pure."""

from tickets.models import Channel, QuestionClass

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
}
CLASSES = {QuestionClass.GENERAL: "一般性问题", QuestionClass.IMPORTANT: "重要复杂问题"}
