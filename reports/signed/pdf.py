"""A filed report on A4 paper (打印件, M-71): title, period, tables, bars, signature block; Chinese type embedded.

Says what the frozen content says and nothing else. Takes a second or two, so callers give it a thread.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fpdf.enums import XPos, YPos

from core.clock import beijing
from reports.counting.catalogue import GROUPS
from reports.counting.efficiency import FIVE
from reports.counting.indicators import BY_KEY
from reports.scores.sheets import CLASSES, NOT_JUDGED
from reports.signed.content import COMPARED, Content
from reports.signed.paper import BODY, INK, SANS, SERIF, Paper
from reports.words import BALANCE, SPLITS, named, names_of


def draw(content: Content, facts: dict[str, str], changes: Sequence[dict[str, Any]] = ()) -> bytes:
    """The PDF. `facts` as `filing.facts_of` gives them, `changes` what a correction changed."""
    as_of = beijing(datetime.fromisoformat(content["as_of"]))
    paper = Paper(f"口径版本 {content['rule_version']}　数据截至 {as_of:%Y-%m-%d %H:%M}　{facts['revision']}")
    paper.set_title(content["title"])
    paper.set_lang("zh-CN")
    _title(paper, content, facts)
    if changes:
        _changes(paper, changes)
    _received(paper, content)
    _five(paper, content)
    _indicators(paper, content)
    _units(paper, content)
    for name, section in (("scores", _scores), ("returns", _returns), ("contractor", _contractor)):
        if content.get(name):  # reports signed before the section existed have none
            section(paper, content[name])
    _signatures(paper, facts)
    _missed(paper, [one for one in content.get("targets") or [] if one["cases"]])
    return bytes(paper.output())


def draw_contractor(content: Content, facts: dict[str, str]) -> bytes:
    """The contractor's report alone; `facts`: `title`, `period`, `made`."""
    paper = Paper(f"编制时间：{facts['made']}")
    paper.set_title(facts["title"])
    paper.set_lang("zh-CN")
    paper.heading(facts["title"], f"考核期：{facts['period']}")
    _contractor(paper, content)
    _signatures(paper, dict.fromkeys(("signer", "signed", "sent", "received"), ""))
    return bytes(paper.output())


def _title(paper: Paper, content: Content, facts: dict[str, str]) -> None:
    mark = "" if facts["signed"] else "（草稿，未签发）"
    paper.heading(content["title"] + mark, f"报告期：{facts['period']}")
    paper.cell(85, 8, f"填报单位：{facts['office']}")
    paper.cell(0, 8, f"编制时间：{facts['made']}", align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    if facts["reason"]:
        paper.multi_cell(0, 7, f"更正说明：{facts['reason']}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _changes(paper: Paper, changes: Sequence[dict[str, Any]]) -> None:
    """What this revision says otherwise than the one before."""
    paper.section("本版更正")
    paper.grid(
        ("指标", "更正前", "更正后"),
        [[one["name"], one["before"], one["after"]] for one in changes],
        (60, 55, 55),
    )


def _received(paper: Paper, content: Content) -> None:
    paper.chapter("受理情况")
    numbers = content["balance"]
    paper.set_font(SERIF, size=BODY)
    sums = " + ".join(f"{text} {numbers[key]}" for key, text in BALANCE.items())
    paper.cell(0, 7, f"登记 {numbers['registered']} 件 = {sums}。", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for split, title in SPLITS.items():
        parts = content["splits"].get(split, [])
        parts = parts if split == "hour" else parts[:12]
        if not parts:
            continue
        longest = max(counts["registered"] for _, counts in parts)
        paper.set_font(SANS, size=BODY)
        paper.ln(2)
        paper.cell(0, 7, f"按{title}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        counted = [
            (named(names_of(content), split, key), c["registered"], str(c["registered"])) for key, c in parts
        ]
        paper.bars([(name, number / longest, text) for name, number, text in counted])


def _five(paper: Paper, content: Content) -> None:
    """M-126, with the targets of M-128"""
    paper.chapter("五项效能指标")
    by_key = {one["key"]: one for one in content["figures"]}
    shown = [by_key[key] for key in FIVE if key in by_key]
    targets = {one["key"]: one for one in content.get("targets") or []}
    goal = {one["key"]: targets[one["key"]]["target"] if one["key"] in targets else "" for one in shown}
    rows = [[*_row(one)[:2], goal[one["key"]], *_row(one)[2:]] for one in shown]
    paper.grid(("指标", "数值", "目标", "分子", "分母"), rows, (62, 27, 27, 27, 27))
    paper.bars([(one["name"], min(max(one["value"] or 0, 0), 1), one["text"]) for one in shown])
    for one in targets.values():
        if one["is_short"]:
            paper.text_line(f"{one['name']}未达目标 {one['target']} 的有 {one['missed']} 件，见附表。")


def _missed(paper: Paper, short: Sequence[dict[str, Any]]) -> None:
    """M-128: an appendix behind the signatures, two cases in a row."""
    if short:
        paper.add_page()
    for one in short:
        listed = len(one["cases"])
        left_out = (
            f"（共 {one['missed']} 件，列出前 {listed} 件）" if one["missed"] > listed else f"（{listed} 件）"
        )
        paper.section(f"附表　{one['name']}未达目标的件{left_out}")
        cells = [*one["cases"], ["", "", ""]]
        rows = [[*left, *right] for left, right in zip(cells[0:listed:2], cells[1::2], strict=True)]
        paper.grid(("工单", "单位", "日期") * 2, rows, (29, 36, 20) * 2, texts=6)


def _indicators(paper: Paper, content: Content) -> None:
    paper.chapter("统计指标")
    if content.get("training"):
        paper.text_line(f"人员培训：{content['training']}。")
    for group, title in GROUPS.items():
        rows = [_row(one) for one in content["figures"] if one["group"] == group]
        if rows:
            paper.ln(2)
            paper.grid((title, "数值", "分子", "分母"), rows, (82, 30, 29, 29))
        for index in content.get("indices") or []:
            if index["group"] == group:
                paper.ln(1)
                paper.text_line(f"{index['name']} {index['text']} = {index['formula']}")
    if causes := content.get("causes"):
        paper.ln(2)
        paper.grid(("投诉事由", "提出", "属实"), causes, (110, 30, 30))


def _row(one: dict[str, Any]) -> list[str]:
    return [f"{one['key']} {one['name']}", one["text"], one["above"], one["below"]]


def _units(paper: Paper, content: Content) -> None:
    if content["units"]:
        paper.chapter("各单位情况")
        head = ["单位", *(BY_KEY[key].name for key in COMPARED)]
        paper.grid(
            head, [[one["name"], *one["figures"]] for one in content["units"]], (44, *[21] * len(COMPARED))
        )


def _scores(paper: Paper, scores: list[dict[str, Any]]) -> None:
    """By class; the components stand on the page, the paper has room for what they come to."""
    paper.chapter("单位考评")
    weights = "，".join(f"{part['name']} {part['weight']}" for part in scores[0]["components"])
    paper.text_line(f"分档列出，不排总名次。权重：{weights}。")
    paper.ln(1)
    ordered = sorted(scores, key=lambda one: [*(name for name, _ in CLASSES), NOT_JUDGED].index(one["class"]))
    paper.grid(
        ("单位", "档次", "总分"),
        [[one["name"], one["class"], one["total"]] for one in ordered],
        (90, 40, 40),
        texts=2,
    )


def _returns(paper: Paper, content: Content) -> None:
    """M-126, M-127"""
    paper.chapter("填报数据")
    paper.text_line(content["note"])
    paper.ln(1)
    sums = [[one["name"], one["counted"], one["reported"], one["together"]] for one in content["sums"]]
    paper.grid(("项目", "系统统计", "填报", "合计"), sums, (44, 42, 42, 42))
    if content["centres"]:
        paper.ln(2)
        paper.grid(
            ("中心", "月份", "状态", "人员", "受理", "办结", "现场", "按时", "满意"),
            [
                [f"{one['region']} {one['centre']}", one["month"], one["state"], one["staff"], one["received"],
                 one["finished"], one["on_spot"], one["in_time"], one["satisfied"]]
                for one in content["centres"]
            ],
            (48, 20, 17, 14, 14, 14, 14, 14, 15), texts=3,
        )  # fmt: skip
    if content["missing"]:
        lacking = "、".join(f"{region}{centre}（{month}）" for month, region, centre in content["missing"])
        paper.text_line(f"未报：{lacking}。")


def _contractor(paper: Paper, content: Content) -> None:
    """M-79"""
    paper.chapter("承包服务考核")
    paper.grid(("项目", "情况"), content["facts"], (85, 85), texts=2)
    paper.ln(2)
    paper.grid(
        ("接听与服务质量", "数值", "分子", "分母"),
        [_row(one) for one in content["figures"]],
        (82, 30, 29, 29),
    )
    if content["outages"]:
        paper.ln(2)
        rows = [
            [one["since"], one["until"], f"{one['minutes']} 分钟", one["cause"]] for one in content["outages"]
        ]
        paper.grid(("服务中断：从", "到", "时长", "情况"), rows, (45, 45, 30, 50), texts=4)


def _signatures(paper: Paper, facts: dict[str, str]) -> None:
    """Kept together at the foot of the last page's text."""
    if paper.will_page_break(48):
        paper.add_page()
    paper.ln(10)
    paper.set_font(SERIF, size=BODY)
    paper.set_text_color(*INK)
    pairs = (("编制人：", "签发人：" + facts["signer"]), ("单位负责人：", "签发日期：" + facts["signed"]),
             ("上报日期：" + facts["sent"], "签收日期：" + facts["received"]))  # fmt: skip
    for left, right in pairs:
        paper.cell(85, 11, left)
        paper.cell(0, 11, right, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.cell(0, 11, "（盖章）", align="R")
