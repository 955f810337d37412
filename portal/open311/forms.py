"""How GeoReport writes things: lists of flat records as JSON or XML, and errors as such a list."""

import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import web

Record = dict[str, Any]
SINGULAR = {
    "services": "service", "service_requests": "request", "errors": "error", "attributes": "attribute",
    "endpoints": "endpoint", "formats": "format",
}  # fmt: skip


def answer(request: web.Request, name: str, records: Sequence[Record], *, status: int = 200) -> web.Response:
    """`name` is the outer element of the XML; the ending of the address chooses the form."""
    if request.match_info["form"] == "xml":
        root = ET.Element(name)
        for record in records:
            _write(ET.SubElement(root, SINGULAR[name]), record)
        return _xml(root, status)
    return _json(list(records), status)


def answer_one(request: web.Request, name: str, record: Record) -> web.Response:
    """One record that is no list."""
    if request.match_info["form"] == "xml":
        root = ET.Element(name)
        _write(root, record)
        return _xml(root, 200)
    return _json(record, 200)


def _xml(root: ET.Element, status: int) -> web.Response:
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return web.Response(body=body, status=status, content_type="text/xml", charset="utf-8")


def _json(data: Any, status: int) -> web.Response:
    text = json.dumps(data, ensure_ascii=False, default=str)
    return web.Response(text=text, status=status, content_type="application/json")


def _write(element: ET.Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _write(ET.SubElement(element, name), inner)
    elif isinstance(value, list):
        for inner in value:
            _write(ET.SubElement(element, SINGULAR[element.tag]), inner)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = "".join(c for c in str(value) if c in "\t\n" or c >= " ")
