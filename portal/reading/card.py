"""The picture of a share card (分享图): an entry's title, drawn once and kept in memory, for messengers that show links.

A page only names its address, so nobody who reads the page loads it.
"""

import asyncio
from functools import lru_cache
from io import BytesIO

import pylopdf_fonts_zh_cn as fonts
from aiohttp import web
from PIL import Image, ImageDraw, ImageFont

from core.web.keys import DB, SETTINGS
from core.web.routes import PUBLIC, Routes
from portal.limits import LIMITS
from portal.reading.answers import published

routes = Routes()
SIZE = WIDTH, HEIGHT = 1200, 630
"""What messengers expect."""
KEPT = 500
CACHE = {"Cache-Control": "public, max-age=86400"}
_INK, _PAPER, _BAND = "#1a2230", "#ffffff", "#1f4e8c"
_MARGIN, _BAND_HEIGHT = 80, 130
_TITLE, _FOOT = 72, 44
_LINES = 4


@routes.get("/answers/{source}/{number}/card.png", roles=PUBLIC)
async def card(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    async with request.app[DB].reading() as session:
        entry = await published(session, request)
    picture = await asyncio.to_thread(draw, entry.title, request.app[SETTINGS].site_name)
    return web.Response(body=picture, content_type="image/png", headers=CACHE)


@lru_cache(maxsize=KEPT)
def draw(title: str, foot: str) -> bytes:
    """The PNG: the title in up to four lines, below it a band with who says so."""
    image = Image.new("RGB", SIZE, _PAPER)
    pen, large, small = ImageDraw.Draw(image), _font(_TITLE), _font(_FOOT)
    pen.rectangle((0, HEIGHT - _BAND_HEIGHT, WIDTH, HEIGHT), fill=_BAND)
    pen.text((_MARGIN, HEIGHT - _BAND_HEIGHT / 2), foot, font=small, fill=_PAPER, anchor="lm")
    lines = wrapped(title, large, WIDTH - 2 * _MARGIN)
    pen.multiline_text((_MARGIN, _MARGIN), "\n".join(lines), font=large, fill=_INK, spacing=24)
    picture = BytesIO()
    image.convert("P", palette=Image.Palette.ADAPTIVE, colors=32).save(picture, "PNG", optimize=True)
    return picture.getvalue()


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines no wider than `width`, the last one ending in … where the text goes on."""
    lines = [""]
    for character in " ".join(text.split()):
        if font.getlength(lines[-1] + character) <= width:
            lines[-1] += character
        elif len(lines) == _LINES:
            return [*lines[:-1], lines[-1][:-1] + "…"]
        else:
            lines.append(character)
    return lines


@lru_cache(maxsize=2)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(fonts.sans_path()), size)
