"""What a slip (查询凭条) carries for machines: a QR code for telephones, a bar code for the scanners of windows and desks.

A scanner types the twelve digits where they are wanted; the QR code opens the tracking page with them.
"""

from base64 import b64encode
from dataclasses import dataclass

import segno
from barcode.codex import Code128
from barcode.writer import SVGWriter

_BARS = {"module_width": 0.33, "module_height": 12.0, "quiet_zone": 3.5, "write_text": False}
"""Millimetres: narrow bars that office scanners read from a plain printer."""


@dataclass(frozen=True)
class Slip:
    """Addresses of images, to be put into a page as they are."""

    qr: str
    bars: str
    """Code 128 of the digits."""


def slip_for(site: str, code: str) -> Slip:
    """Of one query code; `site` is how citizens reach the portal, without a slash at the end."""
    address = f"{site}/track#{code}"  # behind the #, so that it reaches no log
    svg = Code128(code, writer=SVGWriter()).render(_BARS)
    return Slip(
        qr=segno.make(address, error="m").svg_data_uri(scale=4),
        bars=f"data:image/svg+xml;base64,{b64encode(svg).decode()}",
    )
