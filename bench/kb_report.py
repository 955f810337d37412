"""Questions with their right answers, how a search did on them, and that as a table."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bench.measure import spread

Search = Callable[[str], Awaitable[list[str]]]


@dataclass(frozen=True)
class Asked:
    query: str
    wanted: frozenset[str]
    kind: str


@dataclass(frozen=True)
class Answered:
    rank: int | None
    took_ms: float


async def ask(search: Search, asked: Sequence[Asked]) -> dict[str, list[Answered]]:
    """Every query once, one at a time, after a few to warm up."""
    for one in asked[:20]:
        await search(one.query)
    answers: dict[str, list[Answered]] = defaultdict(list)
    for one in asked:
        started = time.perf_counter()
        got = await search(one.query)
        took_ms = (time.perf_counter() - started) * 1000
        rank = next((place for place, key in enumerate(got, start=1) if key in one.wanted), None)
        answers[one.kind].append(Answered(rank, took_ms))
    return answers


def table(name: str, answers: dict[str, list[Answered]]) -> str:
    """Markdown: recall among the first 1, 5 and 10, mean reciprocal rank, latency."""
    rows = [f"| {name} | n | R@1 | R@5 | R@10 | MRR@10 | p50 ms | p99 ms |", "| --- |" + " ---: |" * 7]
    everything = [one for part in answers.values() for one in part]
    kinds = sorted(answers.items()) if len(answers) > 1 else []
    rows += [_row(kind, some) for kind, some in [*kinds, ("all", everything)]]
    return "\n".join(rows) + "\n"


def _row(kind: str, some: Sequence[Answered]) -> str:
    recalls = [sum(1 for one in some if one.rank and one.rank <= k) / len(some) for k in (1, 5, 10)]
    reciprocal = sum(1 / one.rank for one in some if one.rank) / len(some)
    took = spread([one.took_ms for one in some])
    cells = [
        str(len(some)),
        *(f"{share:.3f}" for share in (*recalls, reciprocal)),
        f"{took.p50:.1f}",
        f"{took.p99:.1f}",
    ]
    return f"| {kind} | " + " | ".join(cells) + " |"


def share_alike(asked: Sequence[Asked]) -> list[tuple[Asked, Asked]]:
    """Pairs of different wordings of one question: those whose right entries are the same, one pair for each."""
    groups: dict[frozenset[str], list[Asked]] = defaultdict(list)
    for one in asked:
        if all(one.query != other.query for other in groups[one.wanted]):
            groups[one.wanted].append(one)
    return [(some[0], some[1]) for some in groups.values() if len(some) > 1]
