"""How many of Asterisk's events a second the controller takes in by itself: `python -m bench.events`.

The recorded traces of sixteen stories are put on the wire as Asterisk writes them, again and again as other calls, and go through
the reading of AMI and the tracker to the ledger lines; nothing is stored and nothing is said. Beside it the same bytes are read
by panoramisk's own reader, and then nothing is done with them.
"""

import argparse
import time
from collections.abc import Iterator

from panoramisk.message import Message
from support.traces import Row, feed, names, read

from ivr.asterisk.ami_protocol import parse
from ivr.tracking.tracker import Tracker


def _stories() -> list[list[Row]]:
    return [read(name) for name in names()]


def _again(story: list[Row], number: int) -> Iterator[Row]:
    """The same story of another call: every identity in it carries the number."""
    for row in story:
        yield {
            key: f"{value}-{number}"
            if key.endswith(("Uniqueid", "Linkedid", "Channel", "linkedid")) and value
            else value
            for key, value in row.items()
        }


def _wire(row: Row) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in row.items()).encode()


def _measure(rounds: int) -> tuple[int, int, int, float, float]:
    """Events, ledger lines, calls left open; seconds of processor, and those of panoramisk's reader."""
    tracker, stories = Tracker(), _stories()
    events = lines = 0
    ours_s = theirs_s = 0.0
    for number in range(rounds):
        for story in stories:
            rows = [row if "Did" in row else _wire(row) for row in _again(story, number)]
            wire = [row for row in rows if isinstance(row, bytes)]
            began = time.process_time()
            lines += len(feed((parse(row) if isinstance(row, bytes) else row for row in rows), tracker))
            between = time.process_time()
            for frame in wire:
                Message.from_line(frame.decode())
            ours_s, theirs_s = ours_s + between - began, theirs_s + time.process_time() - between
            events += len(wire)
    return events, lines, len(tracker.calls), ours_s, theirs_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=300)
    events, lines, still_open, ours_s, theirs_s = _measure(parser.parse_args().rounds)
    print(
        f"{events} events to {lines} ledger lines in {ours_s:.2f} s of processor: {events / ours_s:,.0f} a second; {still_open} calls left open\n"
        f"read by panoramisk alone, to no line: {theirs_s:.2f} s, {events / theirs_s:,.0f} a second"
    )


if __name__ == "__main__":
    main()
