"""What a generator of clients reads of the GeoReport endpoint (接口说明): OpenAPI 3.1 of its JSON form."""

from typing import Any

from aiohttp import web

from core.web import schema
from core.web.api import answer
from core.web.routes import PUBLIC, Routes
from portal.open311.views import BASE, MOST_CHARS, WORDS
from portal.reading.answers import site_url
from portal.region import UNIT_CODE
from tickets.text import LIMITS

routes = Routes()
CODES = "^[1-9][0-9]{11}(,[1-9][0-9]{11}){0,19}$"
KEYED: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}]
_ERRORS = {
    "anyOf": [
        schema.listed(
            "错误", schema.made_of(code=schema.whole("状态"), description=schema.text("原因和办法"))
        ),
        schema.made_of(error=schema.made_of(code=schema.text("代码"), message=schema.text("原因和办法"))),
    ]
}


@routes.get(f"{BASE}/openapi.json", roles=PUBLIC)
async def openapi(request: web.Request) -> web.StreamResponse:
    return answer(describe(site_url(request)))


def describe(site: str) -> dict[str, Any]:
    """The document; `site` is how clients reach us, without a slash at the end."""
    services = schema.listed("服务", _record("service_code", "service_name"))
    requests = schema.listed("提问", _record("service_request_id"))
    one = _parameter("service_request_id", "path", "^[1-9][0-9]{11}$")
    several = _parameter("service_request_id", "query", CODES)
    paths = {
        "/services.json": {"get": _operation("列出服务", services)},
        "/services/{service_code}.json": {
            "get": _operation(
                "服务的可填项目", _record("service_code"), [_parameter("service_code", "path", UNIT_CODE)]
            )
        },
        "/requests.json": {
            "get": _operation("几件的状态", requests, [several], keyed=True),
            "post": _operation("提问", requests, keyed=True, status="201") | {"requestBody": _body()},
        },
        "/requests/{service_request_id}.json": {"get": _operation("一件的状态", requests, [one], keyed=True)},
    }
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "api_key": {"type": "apiKey", "in": "query", "name": "api_key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open311 GeoReport v2", "version": "2"},
        "servers": [{"url": site + BASE}],
        "paths": paths,
        "components": {"securitySchemes": schemes},
    }


def _operation(
    title: str,
    found: dict[str, Any],
    parameters: list[Any] | None = None,
    *,
    keyed: bool = False,
    status: str = "200",
) -> dict[str, Any]:
    responses = {status: _said("成功", found), "default": _said("拒绝，说明原因和办法", _ERRORS)}
    return {"summary": title, "parameters": parameters or [], "responses": responses, "security": KEYED if keyed else []}  # fmt: skip


def _said(meaning: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": content}}}


def _parameter(name: str, place: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": {"type": "string", "pattern": pattern}}


def _record(*names: str) -> dict[str, Any]:
    """An object that has at least these texts."""
    return {
        "type": "object",
        "properties": {name: schema.text("") for name in names},
        "required": list(names),
    }


def _body() -> dict[str, Any]:
    fields = {
        "service_code": schema.text("服务代码，000 由政府办区分转交", pattern=UNIT_CODE),
        "description": schema.text(
            "问题内容", minLength=1, maxLength=MOST_CHARS["description"], pattern=WORDS
        ),
        "address_string": schema.text("地点", maxLength=MOST_CHARS["address_string"]),
        "first_name": schema.text("名", maxLength=MOST_CHARS["first_name"]),
        "last_name": schema.text("姓", maxLength=MOST_CHARS["last_name"]),
        "phone": schema.text("回复电话", maxLength=LIMITS["callback_number"][1]),
    }
    content = {"type": "object", "properties": fields, "required": ["service_code", "description"]}
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": content}}}
