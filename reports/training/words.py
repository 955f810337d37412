"""What the training register calls things (培训用语), on pages and in spreadsheets alike."""

from reports.training.models import Kind, Result, Topic
from reports.training.standing import State

TOPICS = {
    Topic.BUSINESS: "业务",
    Topic.SERVICE: "服务",
    Topic.LAW: "法律",
    Topic.SECRECY: "保密",
    Topic.PRE_POST: "岗前",
}
KINDS = {
    Kind.INITIAL: "初任",
    Kind.APPOINTMENT: "任职",
    Kind.IN_SERVICE: "在职",
    Kind.EVERYBODY: "全员",
    Kind.NEW_POST: "新任职",
}
RESULTS = {Result.PASSED: "合格", Result.FAILED: "不合格", Result.ABSENT: "缺席"}
STATES = {
    State.MISSING: "未培训",
    State.EXPIRED: "已到期",
    State.EXPIRING: "即将到期",
    State.VALID: "有效",
}
TONES = {State.MISSING: "bad", State.EXPIRED: "bad", State.EXPIRING: "warn", State.VALID: "ok"}
