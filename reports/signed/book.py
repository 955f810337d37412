"""A filed report as a workbook (报表工作簿, M-71): every part of what was signed on a sheet of its own. Pure.

Says what the frozen content says; reports signed before a part existed have no such sheet.
"""

from collections.abc import Sequence
from typing import Any

from reports.counting.indicators import BY_KEY
from reports.returns.sheet import COUNTS
from reports.signed.content import COMPARED, Content
from reports.words import BALANCE, SPLITS, named, names_of

Row = list[str]
FIGURE_HEAD = ["编号", "指标", "数值", "分子", "分母", "口径"]


def sheets(content: Content) -> list[tuple[str, list[Row]]]:
    """Title and rows of each sheet, the first row its head."""
    made = {
        "统计指标": _figures(content),
        "受理情况": _splits(content),
        "效能目标": _targets(content.get("targets") or []),
        "加权指数": _indices(content.get("indices") or []),
        "投诉事由": [["事由", "提出", "属实"], *(_texts(one) for one in content.get("causes") or [])],
        "各单位情况": _units(content["units"]),
        "单位考评": _scores(content.get("scores") or []),
        "填报合计": _sums(content.get("returns")),
        "各中心填报": _centres(content.get("returns")),
        "承包服务考核": _contractor(content.get("contractor")),
        "服务中断": _outages(content.get("contractor")),
    }
    return [(title, rows) for title, rows in made.items() if len(rows) > 1]


def _texts(cells: Sequence[Any]) -> Row:
    return [str(cell) for cell in cells]


def _figures(content: Content) -> list[Row]:
    counts = [
        ["", text, str(content["balance"][key]), "", "", ""]
        for key, text in {"registered": "登记", **BALANCE}.items()
    ]
    training = [["", "人员培训", content["training"], "", "", ""]] if content.get("training") else []
    return [FIGURE_HEAD, *counts, *training, *map(_figure, content["figures"])]


def _figure(one: dict[str, Any]) -> Row:
    return [one[key] for key in ("key", "name", "text", "above", "below", "rule")]


def _splits(content: Content) -> list[Row]:
    head, names = ["分类", "项目", "登记", *BALANCE.values()], names_of(content)
    return [
        head,
        *(
            [title, named(names, split, key), *(str(counts[name]) for name in ("registered", *BALANCE))]
            for split, title in SPLITS.items()
            for key, counts in content["splits"].get(split, [])
        ),
    ]


def _targets(targets: list[dict[str, Any]]) -> list[Row]:
    """A line for each target, then one for each case that missed it."""
    rows = [["指标", "目标", "数值", "未达件数", "工单", "单位", "日期"]]
    for one in targets:
        rows.append([one["name"], one["target"], one["text"], str(one["missed"]), "", "", ""])
        rows += [[one["name"], "", "", "", *case] for case in one["cases"]]
    return rows


def _indices(found: list[dict[str, Any]]) -> list[Row]:
    return [["指数", "得分", "算法"], *([one["name"], one["text"], one["formula"]] for one in found)]


def _units(units: list[dict[str, Any]]) -> list[Row]:
    head = ["单位", *(BY_KEY[key].name for key in COMPARED)]
    return [head, *([one["name"], *one["figures"]] for one in units)]


def _scores(scores: list[dict[str, Any]]) -> list[Row]:
    """Each component with its value and its points."""
    parts = scores[0]["components"] if scores else []
    head = ["单位", "档次", "总分"]
    for part in parts:
        head += [f"{part['name']}（权重 {part['weight']}）", "得分"]
    return [
        head,
        *(
            [one["name"], one["class"], one["total"],
             *(text for part in one["components"] for text in (part["text"], part["points"]))]
            for one in scores
        ),
    ]  # fmt: skip


def _sums(content: dict[str, Any] | None) -> list[Row]:
    keys = ("name", "counted", "reported", "together")
    return [
        ["项目", "系统统计", "填报", "合计"],
        *([one[key] for key in keys] for one in (content or {}).get("sums", [])),
    ]


def _centres(content: dict[str, Any] | None) -> list[Row]:
    """What was filed; a centre that did not has the state 未报."""
    found = content or {"centres": [], "missing": []}
    filed = [
        _texts([one["month"], one["region"], one["centre"], one["state"], *(one[key] for key in COUNTS)])
        for one in found["centres"]
    ]
    missing = [
        [month, region, centre, "未报", *[""] * len(COUNTS)] for month, region, centre in found["missing"]
    ]
    return [["月份", "地区", "中心", "建设状态", *COUNTS.values()], *filed, *missing]


def _contractor(content: dict[str, Any] | None) -> list[Row]:
    found = content or {"facts": [], "figures": []}
    facts = [["", name, text, "", "", ""] for name, text in found["facts"]]
    return [FIGURE_HEAD, *facts, *map(_figure, found["figures"])]


def _outages(content: dict[str, Any] | None) -> list[Row]:
    found = (content or {}).get("outages", [])
    return [
        ["从", "到", "分钟", "情况"],
        *(_texts([one[key] for key in ("since", "until", "minutes", "cause")]) for one in found),
    ]
