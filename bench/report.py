"""The figures as Markdown, the form in which docs/benchmarks.md keeps them."""

from collections.abc import Sequence

from bench.menu import Row
from bench.talks import TalkResult

_HEADING = """\
| calls/s offered | system | calls | failed | served/s | step p50 ms | p99 ms | most ms | steps | Asterisk ms/call | controller ms/call | load ms/call | others % of a core |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""

_TALK_HEADING = """\
| talks asked | system | together | sent % of due | sent | lost | unread by Asterisk + bench | longest pause ms | pauses > 60 ms | bench late ms | recordings | with holes (20 ms pieces) | shortest lacks ms | in the archive | Asterisk % | controller % | bench % | others % | whole |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"""


def menu_table(rows: Sequence[Row], *, heading: bool = True) -> str:
    lines = [_HEADING] if heading else []
    lines += [
        f"| {row.rate} | {row.system} | {row.calls} | {row.failed} | {row.calls_per_s:.1f} | {row.step.p50:.1f}"
        f" | {row.step.p99:.1f} | {row.step.most:.1f} | {row.step.count} | {row.asterisk_ms:.1f}"
        f" | {row.controller_ms:.2f} | {row.load_ms:.1f} | {row.others_percent:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def talk_table(talks: Sequence[TalkResult], *, heading: bool = True) -> str:
    lines = [_TALK_HEADING] if heading else []
    return "\n".join(lines + [_talk_row(one) for one in talks])


def _talk_row(one: TalkResult) -> str:
    found, taken_in = one.recordings, "–" if one.taken_in is None else one.taken_in
    return (
        f"| {one.asked} | {one.system} | {one.talks} | {one.sent / max(1, one.due) * 100:.1f} | {one.sent} | {one.lost}"
        f" | {one.unread} + {one.unread_by_bench} | {one.longest_pause_ms:.0f} | {one.pauses} | {one.sender_late_ms:.0f}"
        f" | {found.count} | {found.broken} ({found.quiet_frames}) | {found.most_missing_ms:.0f} | {taken_in}"
        f" | {one.asterisk_percent:.0f} | {one.controller_percent:.1f} | {one.bench_percent:.0f} | {one.others_percent:.0f}"
        f" | {'yes' if one.is_whole else 'no'} |"
    )
