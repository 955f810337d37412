"""Writes docs/indicators.md (指标口径) from the definitions: `python -m reports.counting.catalogue`."""

from pathlib import Path

from reports.counting.indicators import INDICATORS, VERSION, Group, Indicator, Way

TARGET = Path(__file__).parents[2] / "docs" / "indicators.md"
GROUPS = {
    Group.CENTRE: "呼叫中心（接通与话务服务）",
    Group.TRANSFER: "转接质量",
    Group.UNIT: "单位响应与办理",
    Group.SUPERVISION: "监督",
    Group.QUALITY: "质检",
}
_HEAD = """# 统计指标口径

本页由 `python -m reports.counting.catalogue` 按程序中的定义生成，口径版本 {version}。页面 `/reports`、接口 `GET /api/v1/indicators` 和导出文件用的是同一份定义。

- 时段是北京时间的整日。来电按开始时间，办结率按受理日期，时限类按应办结日期，评价和答复按各自的时间计入。
- 分母为零时显示“—”，不显示 100%，也不参加比较；百分比保留两位小数。
- 每个数都能点开，看到它所计的每一次通话、每一个环节或每一张工单，条数与所示数字一致。
- 标记为“试拨”“暗访”的通话及其工单、评价一律不计（在 `/supervise` 的通话详情页标记）；暗访通话只计入质检得分。
- 口径有争议的，各种算法并列：如 K-01 与 K-01.raw，K-01 按来电与 K-01.caller 按号码，K-04 按次与 K-04.caller 按来电，K-02.offered 与 K-02.answered，K-09 与 K-09.strict。
- 单位、人员、线路不适用的指标不显示：例如排队接通率不属于任何单位。
- 报表（`/reports/filed`）在报告期结束后自动起草，第 5 个工作日下班前签发上报；签发后数字和明细冻结，连同口径版本一起保存，之后的更正另出一版并写明变化。
- 受理数恒等：登记 = 办结 + 在办 + 无效、并案 + 超范围；按渠道、类别、主题、单位、线路、地区分开后，各部分之和等于总数。
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD.format(version=VERSION)]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(indicator) for indicator in INDICATORS if indicator.group is group]
    return "\n".join(parts)


def _entry(indicator: Indicator) -> str:
    base = "只有数量，没有分母" if indicator.way is Way.COUNT else f"明细：{indicator.source.what}"
    return (
        f"### {indicator.key} {indicator.name}\n\n{indicator.rule}\n\n"
        f"依据：{indicator.basis}　{base}　定义版本 {indicator.version}\n"
    )


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
