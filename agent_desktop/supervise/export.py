"""The call list as rows of text (导出), numbers masked; `core.web.sheets` makes the file."""

from collections.abc import Iterable, Mapping, Sequence

from agent_desktop.supervise.forms import ENDS
from core.clock import beijing
from core.log import mask_number
from recordings.call_story import story
from recordings.calls import Summary
from recordings.models import CallEnd

HEAD = (
    "通话编号", "方向", "专线", "地区", "来电号码", "来电时间", "菜单路径", "等待秒数", "振铃次数", "话务员",
    "部门", "通话秒数", "结束方式", "话务员评价", "部门评价", "录音数",
)  # fmt: skip


def call_rows(found: Iterable[Summary], regions: Mapping[int, str]) -> list[Sequence[str]]:
    """The head, then one row of text per call."""
    return [HEAD, *(_row(item, regions) for item in found)]


def _row(item: Summary, regions: Mapping[int, str]) -> Sequence[str]:
    call = item.call
    return (
        call.linkedid,
        "呼出" if call.direction == "out" else "呼入",
        call.line,
        regions.get(call.region_id or 0, ""),
        mask_number(call.caller_number) if item.shows_number else "不予显示",
        beijing(call.started_at).strftime("%Y-%m-%d %H:%M:%S"),
        story.path_text(call.node_path),
        "" if item.wait_ms is None else str(round(item.wait_ms / 1000)),
        str(item.offered),
        item.operator,
        item.unit,
        str(round(call.talk_ms / 1000)),
        ENDS[CallEnd(call.end)] if call.end else "通话中",
        story.score_text(item.scores["operator"]) if "operator" in item.scores else "",
        story.score_text(item.scores["unit"]) if "unit" in item.scores else "",
        str(len(item.recordings)),
    )
