"""Sending sound with byte ranges (分段传输), so that a page can jump to any place without loading the rest."""

import asyncio
from collections.abc import Iterator

from aiohttp import web

from recordings.listening.sound import Sound


async def send(request: web.Request, sound: Sound, *, file_name: str = "") -> web.StreamResponse:
    """The whole sound (200), the range asked for (206), or 416 with the size when the range is outside it."""
    try:
        wanted = request.http_range
        start, until = _bounds(wanted, sound.size)
    except ValueError:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{sound.size}"})
    is_part = "Range" in request.headers
    response = web.StreamResponse(status=206 if is_part else 200)
    response.content_type = "audio/wav"
    response.content_length = until - start
    response.headers["Accept-Ranges"] = "bytes"
    if is_part:
        response.headers["Content-Range"] = f"bytes {start}-{until - 1}/{sound.size}"
    if file_name:
        response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    await response.prepare(request)
    if request.method != "HEAD":
        await pump(response, sound.pieces(start, until))
    return response


def _bounds(wanted: slice, size: int) -> tuple[int, int]:
    """First byte and the one after the last; raises ValueError when nothing of it exists."""
    start = wanted.start or 0
    if start < 0:
        return max(0, size + start), size
    until = min(wanted.stop if wanted.stop is not None else size, size)
    if start >= until:
        raise ValueError
    return start, until


async def pump(response: web.StreamResponse, pieces: Iterator[bytes]) -> None:
    """Send what blocks on disk and processor, a piece at a time; none of the pieces is empty."""
    while piece := await asyncio.to_thread(next, pieces, b""):
        await response.write(piece)
