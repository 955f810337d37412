"""JSON schemas in a few words (接口数据说明), for `ApiDoc` and `Param`: what openapi.json tells a generator of clients."""

from typing import Any

Schema = dict[str, Any]
_DATE = (
    "(20[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    "|20([02468][048]|[13579][26])-02-29)"
)
DAY = (
    "^((19|20|21)[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    "|((19|21)(0[48]|[2468][048]|[13579][26])|20([02468][048]|[13579][26]))-02-29)$"
)
"""A date that exists, as `core.web.days` reads it."""
_TIME = "(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?)?"
WHEN = f"^{_DATE}{_TIME}$"
"""A date of this century that exists, perhaps with a time: the description and the check are one."""

PLAIN = "^[^\\u0000]*$"
"""Any text that a database can hold."""


def text(meaning: str, **limits: Any) -> Schema:
    return {"type": "string", "description": meaning} | limits


def whole(meaning: str, **limits: Any) -> Schema:
    return {"type": "integer", "description": meaning} | limits


def number(meaning: str) -> Schema:
    return {"type": "number", "description": meaning}


def flag(meaning: str) -> Schema:
    return {"type": "boolean", "description": meaning}


def day(meaning: str) -> Schema:
    return text(meaning, format="date")


def moment(meaning: str) -> Schema:
    return text(meaning, format="date-time")


def listed(meaning: str, of: Schema) -> Schema:
    return {"type": "array", "description": meaning, "items": of}


def made_of(meaning: str = "", **fields: Schema) -> Schema:
    """An object that always has every one of these fields."""
    described = {"description": meaning} if meaning else {}
    return {"type": "object", "properties": fields, "required": list(fields)} | described


def perhaps(schema: Schema) -> Schema:
    """The same, or null."""
    return schema | {"type": [schema["type"], "null"]}
