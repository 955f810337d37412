"""The call told in Chinese (通话经过): each ledger line as a sentence with its offset.

Pure words; when and where things happened is worked out in the modules beside this one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recordings import ledger
from recordings.call_story.lanes import Lane
from recordings.call_story.legs import LedgerLine

NODES = {
    "WELCOME": "欢迎语",
    "MAIN": "主菜单",
    "Q": "政务信息查询",
    "QD": "选择部门级别",
    "QD-CODE": "输入部门代码",
    "QD-COUNTY": "选择县（区）",
    "QD-NO-COUNTY": "无县（区）",
    "QD-NOT-OPEN": "部门未开通",
    "QD-OK": "确认部门",
    "QD-HOURS": "判断部门工作时间",
    "QS": "按主题查询",
    "QS-NONE": "无主题",
    "QS-X": "主题菜单",
    "QS-INFO": "主题说明",
    "QS-QH": "主题常见问题",
    "QS-QH-NONE": "无常见问题",
    "QS-ANSWER": "常见问题答案",
    "QH": "热点问题",
    "QH-NONE": "无热点问题",
    "QH-ANSWER": "热点问题答案",
    "TRANSFER": "转接部门",
    "TRANSFER-FAILED": "部门无人接听",
    "C": "投诉",
    "C-CODE": "投诉：输入查询码",
    "C-OPEN": "投诉：问题尚在办理",
    "C-DUP": "投诉：已在受理",
    "CODE-LOCKED": "查询码已锁定",
    "C-REC": "投诉录音",
    "C-REVIEW": "投诉：重听或提交",
    "C-PLAY": "重听投诉录音",
    "C-SAVE": "提交投诉",
    "C-SAVED": "投诉已受理",
    "S": "输入查询码",
    "S-OK": "办理情况",
    "S-DONE": "办理结果",
    "S-REPLIED": "播报答复",
    "S-COMPLAIN": "对答复投诉",
    "OP": "人工服务",
    "OP-LANG": "选择语言",
    "OP-QUEUE": "人工排队",
    "OP-NONE": "无话务员在线",
    "KEEP": "保留位置等回拨",
    "KEEP-NUM": "确认回拨号码",
    "KEEP-NUM-ENTRY": "输入回拨号码",
    "KEEP-SAVE": "登记回拨",
    "KEEP-SAID": "已保留位置",
    "VM": "非工作时间",
    "VM-REC": "留言录音",
    "VM-REVIEW": "留言：重听或提交",
    "VM-PLAY": "重听留言",
    "VM-SAVE": "提交留言",
    "VM-NUM": "确认回复号码",
    "VM-NUM-ENTRY": "输入回复号码",
    "VM-SAVED": "留言已受理",
    "TALKED": "通话后",
    "CODE": "播报查询码",
    "AFTER-CODE": "查询码之后",
    "SURVEY": "评价话务员",
    "SURVEY-NEXT": "下一项评价",
    "SURVEY-UNIT": "评价部门答复",
    "SURVEY-BAD": "不满意可投诉",
    "THANKS": "致谢",
    "BYE": "结束语",
}
LANES = {
    Lane.MENU: "语音菜单",
    Lane.QUEUE: "排队",
    Lane.RING: "振铃",
    Lane.TALK: "话务员通话",
    Lane.HOLD: "保持",
    Lane.CONSULT: "咨询",
    Lane.LIAISON: "部门通话",
    Lane.SURVEY: "查询码与评价",
}
SCORES = {1: "满意", 2: "基本满意", 3: "不满意"}
WHY = {
    "timeout": "超时未接",
    "no_answer": "无人接听",
    "busy": "忙线",
    "refused": "拒接",
    "gone": "不在线",
    "not_accepted": "未按键接听",
    "cancelled": "已取消",
    "left": "对方挂机",
    "answered": "有人接听",
    "abandoned": "来电人放弃",
    "voicemail": "改为留言",
    "call_back": "改为回电",
    "empty": "无话务员在线",
    "moved": "主管调整",
    "other": "转其他处理",
}
CAUSES = {
    "caller": "来电人挂机",
    "operator": "话务员挂机",
    "liaison": "部门挂机",
    "16": "正常挂机",
    "normal": "正常挂机",
    "unseen": "系统中断期间结束",
}
SUPERVISION = {"listen": "监听", "whisper": "耳语指导", "barge": "插话", "take_over": "接管通话"}
KINDS = {"talk": "通话", "consult": "咨询", "voicemail": "留言", "complaint": "投诉"}


@dataclass(frozen=True)
class Names:
    """What people and units are called, by their keys."""

    users: Mapping[int, str] = field(default_factory=dict)
    units: Mapping[int, str] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)
    """For ledgers that name a telephone and nobody at it."""

    def user(self, data: Mapping[str, Any]) -> str:
        """Who is meant: by name, else by the extension."""
        extension = data.get("extension")
        name = self.users.get(data.get("user") or 0) or self.extensions.get(str(extension))
        if name:
            return f"{name}（分机{extension}）" if extension else name
        return f"分机{extension}" if extension else "对方"

    def unit(self, data: Mapping[str, Any]) -> str:
        return self.units.get(data.get("unit") or 0, "部门")


@dataclass(frozen=True)
class Entry:
    """One sentence of the story."""

    at: datetime
    offset_ms: int
    """From the beginning of the call."""
    kind: str
    text: str


def tell(lines: Sequence[LedgerLine], names: Names | None = None) -> list[Entry]:
    """The story in the ledger's order; a kind without words of its own shows its name."""
    known = names or Names()
    start = lines[0].at if lines else None
    return [
        Entry(
            line.at,
            round((line.at - (start or line.at)).total_seconds() * 1000),
            line.kind,
            sentence(line, known),
        )
        for line in lines
    ]


def node_name(node: str) -> str:
    return NODES.get(node, node)


def path_text(path: str) -> str:
    """A node path `MAIN>Q>QD` in words."""
    return " › ".join(node_name(node) for node in path.split(">") if node)


def score_text(score: int | None) -> str:
    """A survey score in words; no key is never a rating (M-61)."""
    return SCORES.get(score or 0, "未评价")


def seconds_text(ms: int) -> str:
    """3:05, 1:02:03: a length of time as people read it."""
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def why_text(why: Any) -> str:
    return WHY.get(str(why or ""), str(why or "原因不明"))


def sentence(line: LedgerLine, names: Names) -> str:
    words = _SENTENCES.get(line.kind)
    return words(line.data, names) if words else line.kind


def _queued(data: Mapping[str, Any], _: Names) -> str:
    position = data.get("position")
    return f"进入人工排队，第{position}位" if position else "进入人工排队"


def _answered(data: Mapping[str, Any], names: Names) -> str:
    wait_ms = data.get("wait_ms")
    waited = f"，等待{seconds_text(int(wait_ms))}" if wait_ms is not None else ""
    return f"{names.user(data)}接听{waited}"


def _transfer(data: Mapping[str, Any], names: Names) -> str:
    mode = {"blind": "直接转接", "attended": "咨询后转接", "onward": "由联络员转接"}.get(
        str(data.get("mode")), "转接"
    )
    return f"{mode}至{names.unit(data)}"


def _returned(data: Mapping[str, Any], _: Names) -> str:
    to = data.get("to")
    return "来电回到排队" if to == "queue" else f"来电回到话务员分机{to}"


def _surveyed(data: Mapping[str, Any], _: Names) -> str:
    about = {"operator": "话务员服务", "unit": "部门答复"}.get(str(data.get("about")), "服务")
    return f"评价{about}：{score_text(data.get('score'))}"


def _recorded(data: Mapping[str, Any], _: Names) -> str:
    kind = KINDS.get(str(data.get("recording") or data.get("kind")), "通话")
    return f"{kind}录音入库，时长{seconds_text(int(data.get('duration_ms') or 0))}"


def _supervised(data: Mapping[str, Any], names: Names) -> str:
    what = SUPERVISION.get(str(data.get("mode")), "监督")
    if data.get("ms") is None:
        return f"主管{names.user(data)}开始{what}"
    return f"主管{names.user(data)}结束{what}，时长{seconds_text(int(data['ms']))}"


def _moved(data: Mapping[str, Any], names: Names) -> str:
    where = {
        "front": "队首",
        "line": f"专线{data.get('line', '')}",
        "operator": f"话务员分机{data.get('extension', '')}",
    }
    return f"主管{names.users.get(data.get('user') or 0, '')}将来电调整到{where.get(str(data.get('to')), '别处')}"


def _left(data: Mapping[str, Any], names: Names) -> str:
    return f"{names.user(data)}{'的电话失去联系' if data.get('cause') in ledger.LOST else '挂机'}"


def _ended(data: Mapping[str, Any], _: Names) -> str:
    cause = str(data.get("cause") or "")
    node = str(data.get("node") or "")
    where = f"（{node_name(node)}）" if node else ""
    told = "挂机" if cause.isdigit() else cause
    return f"通话结束{where}：{CAUSES.get(cause, told or '挂机')}"


_SENTENCES: dict[str, Callable[[Mapping[str, Any], Names], str]] = {
    ledger.ARRIVED: lambda d, _: f"来电接入{d.get('line', '')}",
    ledger.NODE: lambda d, _: f"播放：{node_name(str(d.get('node', '')))}",
    ledger.KEY: lambda d, _: f"{node_name(str(d.get('node', '')))}：按键 {d.get('key', '')}",
    ledger.TIMEOUT: lambda d, _: f"{node_name(str(d.get('node', '')))}：超时未按键",
    ledger.INVALID: lambda d, _: f"{node_name(str(d.get('node', '')))}：无效输入 {d.get('key', '')}",
    ledger.TURNED_AWAY: lambda *_: "专线已满，听到忙碌提示",
    ledger.QUEUED: _queued,
    ledger.OFFERED: lambda d, n: f"呼叫{n.user(d)}",
    ledger.NO_ANSWER: lambda d, n: f"{n.user(d)}未接听：{why_text(d.get('why'))}",
    ledger.ANSWERED: _answered,
    ledger.BRIDGED: lambda *_: "双方接通",
    ledger.UNBRIDGED: lambda *_: "双方断开",
    ledger.JOINED: lambda d, n: f"{n.user(d)}加入，三方通话",
    ledger.HANDED_BACK: lambda d, n: f"{n.unit(d)}{n.user(d)}将来电退回话务员",
    ledger.HELD: lambda *_: "来电人听等待音乐",
    ledger.RESUMED: lambda *_: "恢复通话",
    ledger.TRANSFER_STARTED: _transfer,
    ledger.TRANSFER_ANSWERED: lambda d, n: f"{n.unit(d)}{n.user(d)}接听",
    ledger.TRANSFER_FAILED: lambda d, _: f"转接未成：{why_text(d.get('why'))}",
    ledger.TRANSFER_COMPLETED: lambda d, n: f"转接完成，来电人与{n.unit(d)}通话",
    ledger.RETURNED: _returned,
    ledger.RECLAIMED: lambda d, n: f"{n.user(d)}刷新页面后恢复通话",
    ledger.LEFT_QUEUE: lambda d, _: f"离开排队：{why_text(d.get('why'))}",
    ledger.RECORDED: _recorded,
    ledger.TICKET: lambda d, _: f"登记工单 {d.get('ticket_no', '')}",
    ledger.CODE_SPOKEN: lambda d, _: f"播报查询码{d.get('times', 1)}遍",
    ledger.SURVEYED: _surveyed,
    ledger.SUPERVISED: _supervised,
    ledger.MOVED: _moved,
    ledger.PARTY_LEFT: _left,
    ledger.ENDED: _ended,
}
