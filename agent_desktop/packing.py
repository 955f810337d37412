"""A ZIP that leaves while it is being made (边打包边发送): no file on the disk, no more in memory than a piece of one paper.

Knows nothing of cases; whoever brings the papers says what they are.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from agent_desktop.supervise.stream import pump
from core.errors import HotlineError

SUMS = "SHA256SUMS.txt"
_PIECE = 1 << 18


@dataclass(frozen=True)
class Paper:
    """One file of the package; its content comes in pieces, read as they are wanted."""

    name: str
    pieces: Iterable[bytes]


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file on disk, for `Paper`."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


class _Outlet(io.RawIOBase):
    """What was written and not yet taken; it cannot seek, so that `zipfile` never wants to go back."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._held.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        """What there is, if there is any."""
        found, self._held = b"".join(self._held), []
        if found:
            yield found


async def send(request: web.Request, name: str, papers: Iterable[Paper]) -> web.StreamResponse:
    """The package as the download `name`.zip, packed as it is sent."""
    response = web.StreamResponse()
    response.content_type = "application/zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    await response.prepare(request)
    if request.method != "HEAD":
        await pump(response, packed(papers))
    return response


def packed(papers: Iterable[Paper]) -> Iterator[bytes]:
    """The ZIP in pieces, at its end the checksums of all papers; blocks on disk and processor.

    A paper that cannot be read is named in the list of checksums rather than left out in silence.
    """
    outlet, sums = _Outlet(), list[str]()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as file:
        for paper in papers:
            yield from _put(file, outlet, paper, sums)
        file.writestr(SUMS, "\n".join(sums) + "\n")
    yield from outlet.taken()


def _put(file: zipfile.ZipFile, outlet: _Outlet, paper: Paper, sums: list[str]) -> Iterator[bytes]:
    digest, pieces, read = hashlib.sha256(), iter(paper.pieces), 0
    try:
        piece = next(pieces, b"")
        with file.open(paper.name, "w") as entry:
            while piece:
                entry.write(piece)
                digest.update(piece)
                read += len(piece)
                yield from outlet.taken()
                piece = next(pieces, b"")
        sums.append(f"{digest.hexdigest()}  {paper.name}")
    except (HotlineError, OSError):
        sums.append(f"{'只读出一部分' if read else '无法读取'}  {paper.name}")
