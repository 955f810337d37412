"""The JSON side (接口): readable answers, inputs with Chinese refusals, and a description made from the routes."""

import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from core.errors import InvalidInput
from core.web.keys import SETTINGS
from core.web.numbers import whole_number
from core.web.routes import PUBLIC, ApiDoc, Declared, Param, Routes, declared

PREFIX = "/api/v1"
routes = Routes()
MOST_SKIPPED = 10_000_000


@dataclass(frozen=True)
class Paging:
    limit: int
    offset: int


def answer(data: Any, *, status: int = 200) -> web.Response:
    """`data` as JSON, Chinese left readable."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return web.Response(text=text, status=status, content_type="application/json")


def query_int(request: web.Request, name: str, default: int, *, least: int, most: int) -> int:
    """A whole number from the query; raises InvalidInput outside `least`…`most`, also for a default outside."""
    number = whole_number(request.query.get(name, str(default)))
    if number is None or not least <= number <= most:
        raise InvalidInput(field=name, reason=f"请用 {least}～{most} 的整数")
    return number


def paging(request: web.Request, *, default: int = 50, most: int = 200) -> Paging:
    return Paging(
        limit=query_int(request, "limit", default, least=1, most=most),
        offset=query_int(request, "offset", 0, least=0, most=MOST_SKIPPED),
    )


PAGING_PARAMS = (
    Param("limit", "最多返回几条", kind="integer", limits={"minimum": 1, "maximum": 200}),
    Param("offset", "跳过前几条", kind="integer", limits={"minimum": 0, "maximum": MOST_SKIPPED}),
)


@routes.get(
    f"{PREFIX}/openapi.json",
    roles=PUBLIC,
    doc=ApiDoc("接口说明", answer={"openapi": {"type": "string", "description": "规范版本"}}),
)
async def openapi(request: web.Request) -> web.StreamResponse:
    return answer(describe(request.app))


def describe(app: web.Application) -> dict[str, Any]:
    """OpenAPI 3.1 of every documented route; what it says is what the routes declare."""
    paths: dict[str, dict[str, Any]] = {}
    for item in declared(app):
        if item.doc and item.path.startswith(PREFIX):
            paths.setdefault(item.pattern.removeprefix(PREFIX), {})[item.method.lower()] = _operation(
                item, item.doc
            )
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{app[SETTINGS].site_name} 接口", "version": "1"},
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _SCHEMAS,
        },
    }


def _operation(item: Declared, doc: ApiDoc) -> dict[str, Any]:
    body = [param for param in doc.params if param.place == "body"]
    operation: dict[str, Any] = {
        "operationId": _operation_id(item),
        "summary": doc.title,
        "security": [] if item.roles is PUBLIC else [{"bearer": []}],
        "parameters": [_parameter(param) for param in doc.params if param.place != "body"],
        "responses": {str(doc.status): _success(doc), "default": _refusal()},
    }
    if body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _object(body) | doc.rules}},
        }
    return operation


def _operation_id(item: Declared) -> str:
    """`get_inquiries_query_code`: stable, and a good name for a generated function."""
    path = item.pattern.removeprefix(PREFIX)
    return f"{item.method.lower()}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}"


def _parameter(param: Param) -> dict[str, Any]:
    return {
        "name": param.name,
        "in": param.place,
        "required": param.required or param.place == "path",
        "description": param.text,
        "schema": {"type": param.kind} | param.limits,
    }


def _object(params: list[Param]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            param.name: {"type": param.kind, "description": param.text} | param.limits for param in params
        },
        "required": [param.name for param in params if param.required],
    }


def _success(doc: ApiDoc) -> dict[str, Any]:
    if doc.media_type != "application/json":
        content = {"type": "string", "contentMediaType": doc.media_type}
        return {"description": "成功", "content": {doc.media_type: {"schema": content}}}
    fields = {
        name: said if isinstance(said, dict) else {"description": said} for name, said in doc.answer.items()
    }
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {"description": "成功", "content": {"application/json": {"schema": schema}}}


def _refusal() -> dict[str, Any]:
    return {
        "description": "拒绝，说明原因和办法",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


_SCHEMAS = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "fields"],
                "properties": {
                    "code": {"type": "string", "description": "稳定的错误代码"},
                    "message": {"type": "string", "description": "给人看的中文说明"},
                    "fields": {"type": "object", "description": "错误涉及的值"},
                },
            }
        },
    }
}
