"""A province's peak as a simulation (全省高峰): calls that arrive, wait, talk or give up, against seats and nodes.

`python -m bench.province` plays two hours of 2.7 calls a second on 500 seats; options change every figure. It needs no
telephony: it answers how many seats, channels and nodes a load takes, where Erlang's formulas know no impatience.
"""

import argparse
import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from itertools import count

PROMPT_S = 15


@dataclass(frozen=True)
class Load:
    calls_per_s: float = 2.7
    seats: int = 500
    nodes: int = 6
    menu_s: float = 45
    talk_s: float = 180
    wrap_up_s: float = 30
    after_s: float = 25
    """Query code and survey."""
    patience_s: float = 120
    """Mean time until a waiting caller gives up."""
    operator_share: float = 1.0
    """Of the callers, how many ask for an operator; the others are served by the menus."""


@dataclass
class Seen:
    waits: list[float] = field(default_factory=list)
    gave_up: int = 0
    channels: int = 0
    most_channels: int = 0
    talks: int = 0
    most_talks: int = 0
    most_waiting: int = 0
    busy_s: float = 0.0


class Province:
    """Events by time; at each a caller or a seat takes its next step."""

    def __init__(self, load: Load, seed: int) -> None:
        self._load = load
        self._chance = random.Random(seed)
        self._events: list[tuple[float, int, str, int]] = []
        self._order = count()
        self._waiting: deque[int] = deque()
        self._since: dict[int, float] = {}
        self._free = load.seats
        self.seen = Seen()

    def play(self, hours: float) -> Seen:
        end = hours * 3600
        self._at(self._soon(1 / self._load.calls_per_s), "arrives", 0)
        while self._events:
            now, _, what, caller = heapq.heappop(self._events)
            if now > end:
                break
            getattr(self, f"_{what}")(now, caller)
        return self.seen

    def _arrives(self, now: float, caller: int) -> None:
        self._at(now + self._soon(1 / self._load.calls_per_s), "arrives", caller + 1)
        self.seen.channels += 1
        self.seen.most_channels = max(self.seen.most_channels, self.seen.channels)
        asks = self._chance.random() < self._load.operator_share
        self._at(now + self._soon(self._load.menu_s), "asks" if asks else "leaves", caller)

    def _asks(self, now: float, caller: int) -> None:
        self._since[caller] = now
        self._waiting.append(caller)
        self._at(now + self._soon(self._load.patience_s), "gives_up", caller)
        self._serve(now)
        self.seen.most_waiting = max(self.seen.most_waiting, len(self._since))

    def _gives_up(self, _: float, caller: int) -> None:
        if self._since.pop(caller, None) is not None:
            self.seen.gave_up += 1
            self.seen.channels -= 1

    def _serve(self, now: float) -> None:
        while self._free and self._waiting:
            caller = self._waiting.popleft()
            if (since := self._since.pop(caller, None)) is None:
                continue  # gave up
            self._free -= 1
            self.seen.waits.append(now - since)
            self.seen.talks += 1
            self.seen.most_talks = max(self.seen.most_talks, self.seen.talks)
            talk_s = self._soon(self._load.talk_s)
            self._at(now + talk_s, "talked", caller)
            wrap_up_s = self._soon(self._load.wrap_up_s)
            self._at(now + talk_s + wrap_up_s, "is_free", caller)
            self.seen.busy_s += talk_s + wrap_up_s

    def _talked(self, now: float, caller: int) -> None:
        self.seen.talks -= 1
        self._at(now + self._load.after_s, "leaves", caller)

    def _is_free(self, now: float, _: int) -> None:
        self._free += 1
        self._serve(now)

    def _leaves(self, _now: float, _caller: int) -> None:
        self.seen.channels -= 1

    def _soon(self, mean_s: float) -> float:
        return self._chance.expovariate(1 / mean_s)

    def _at(self, when: float, what: str, caller: int) -> None:
        heapq.heappush(self._events, (when, next(self._order), what, caller))


def told(load: Load, seen: Seen, hours: float) -> list[str]:
    """What an administrator asks, in lines."""
    asked = len(seen.waits) + seen.gave_up
    prompt = sum(wait <= PROMPT_S for wait in seen.waits)
    waits = sorted(seen.waits)
    return [
        f"每秒来电 {load.calls_per_s}，座席 {load.seats}，模拟 {hours:g} 小时，请求人工 {asked} 次",
        f"接通 {len(waits) / asked:.1%}，其中 {PROMPT_S} 秒内接通 {prompt / asked:.1%}；放弃 {seen.gave_up / asked:.1%}（列入回拨）",
        f"等待：中位 {waits[len(waits) // 2]:.0f} 秒，95% 在 {waits[int(len(waits) * 0.95)]:.0f} 秒内；最多 {seen.most_waiting} 人同时排队",
        f"座席利用率 {seen.busy_s / load.seats / hours / 3600:.0%}，最多 {seen.most_talks} 路同时通话，占用中继 {seen.most_channels} 路",
        f"{load.nodes} 个节点时，每个最多 {-(-seen.most_talks // load.nodes)} 路录音通话；停一个时其余各 {-(-seen.most_talks // max(1, load.nodes - 1))} 路",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="模拟全省高峰：需要多少座席、中继和节点。")
    for name, value in vars(Load()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=96128)
    given = vars(parser.parse_args())
    hours, seed = given.pop("hours"), given.pop("seed")
    load = Load(**given)
    print("\n".join(told(load, Province(load, seed).play(hours), hours)))


if __name__ == "__main__":
    main()
