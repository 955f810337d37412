"""Packing a ZIP while it is sent (边打包边发送): what arrives opens, and nothing is held that could have gone."""

import hashlib
import io
import random
import zipfile
from collections.abc import Iterator

from agent_desktop.packing import SUMS, Paper, packed
from recordings.errors import RecordingGone

PIECE = 1 << 16


class Source:
    """Pieces that do not compress, counting what was asked of it."""

    def __init__(self, pieces: int) -> None:
        self.pieces, self.given = pieces, 0

    def __iter__(self) -> Iterator[bytes]:
        noise = random.Random(5)
        for _ in range(self.pieces):
            self.given += PIECE
            yield noise.randbytes(PIECE)


def opened(pieces: Iterator[bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_what_was_read_leaves_before_more_is_read():
    """However long a recording is, at most two of its pieces wait inside."""
    long, sent = Source(200), 0
    for piece in packed([Paper("录音/长.wav", long)]):
        assert piece
        sent += len(piece)
        assert long.given - sent <= 2 * PIECE
    assert sent > 200 * PIECE


def test_the_package_opens_and_its_checksums_are_right():
    """Chinese names, empty papers and large ones: each is there as it was, with its SHA-256."""
    papers = {"案卷.html": b"<p>text</p>", "附件/空.pdf": b"", "录音/甲.wav": b"".join(Source(3))}
    with opened(packed(Paper(name, (content,)) for name, content in papers.items())) as package:
        assert package.testzip() is None
        sums = package.read(SUMS).decode().splitlines()
        assert sums == [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in papers.items()]
        assert {name: package.read(name) for name in papers} == papers


def test_what_cannot_be_read_is_named():
    """A paper that is gone, and one that ends half way, are told of; the others are whole."""

    def failing(*before: bytes) -> Iterator[bytes]:
        yield from before
        raise RecordingGone(recording="x")

    papers = [
        Paper("录音/无.wav", failing()),
        Paper("录音/半.wav", failing(b"RIFF")),
        Paper("好.txt", (b"1",)),
    ]
    with opened(packed(papers)) as package:
        assert package.testzip() is None
        assert package.namelist() == ["录音/半.wav", "好.txt", SUMS]
        gone, half, good = package.read(SUMS).decode().splitlines()
    assert (gone, half) == ("无法读取  录音/无.wav", "只读出一部分  录音/半.wav")
    assert good.endswith("  好.txt")
