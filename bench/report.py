"""The figures as Markdown, the form in which docs/benchmarks.md keeps them."""

from collections.abc import Sequence

from bench.menu import Row
from bench.talks import TalkResult

_HEADING = """\
| calls/s offered | system | calls | failed | served/s | step p50 ms | p99 ms | most ms | steps | Asterisk ms/call | controller ms/call | load ms/call | others % of a core |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def menu_table(rows: Sequence[Row], *, heading: bool = True) -> str:
    lines = [_HEADING] if heading else []
    lines += [
        f"| {row.rate} | {row.system} | {row.calls} | {row.failed} | {row.calls_per_s:.1f} | {row.step.p50:.1f}"
        f" | {row.step.p99:.1f} | {row.step.most:.1f} | {row.step.count} | {row.asterisk_ms:.1f}"
        f" | {row.controller_ms:.2f} | {row.load_ms:.1f} | {row.others_percent:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def talk_lines(talks: TalkResult) -> str:
    return "\n".join(
        [
            f"- recorded talks at once: {talks.talks} of {talks.asked}, {talks.duration_s:.0f} s together",
            (
                f"- packets heard: {talks.packets}, lost {talks.lost}; longest pause between two: {talks.longest_pause_ms:.0f} ms,"
                f" pauses over 60 ms: {talks.pauses} (the bench itself was late by {talks.sender_late_ms:.0f} ms at most)"
            ),
            (
                f"- recordings: {talks.recordings} taken in, the shortest lacks {talks.most_missing_ms} ms of its talk,"
                f" {talks.broken_recordings} with a hole in either direction ({talks.quiet_frames} frames of 20 ms in all)"
            ),
            (
                f"- CPU while talking, percent of a core: Asterisk {talks.asterisk_percent:.0f},"
                f" controller {talks.controller_percent:.1f}, bench {talks.bench_percent:.0f}, others {talks.others_percent:.0f}"
            ),
        ]
    )
