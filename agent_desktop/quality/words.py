"""What the pages of quality call things (质检用语)."""

from reports.quality.models import About, GradeKind, Method

ABOUTS = {About.OPERATOR: "话务员", About.UNIT: "单位联络员"}
METHODS = {
    Method.RANDOM: "随机",
    Method.TOPIC: "按主题",
    Method.UNIT: "按单位",
    Method.WEAK: "薄弱单位（满意率最低的三个）",
    Method.BAD: "全部不满意评价",
    Method.MYSTERY: "全部暗访来电",
}
KINDS = {GradeKind.FIRST: "评分", GradeKind.SECOND: "校准评分", GradeKind.RECHECK: "复核评分"}
STATES = {"waiting": "待评分", "graded": "已评分", "appealed": "待复核", "rechecked": "已复核"}
TONES = {"waiting": "warn", "graded": "ok", "appealed": "bad", "rechecked": "info"}
