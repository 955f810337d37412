"""The JSON API's open part (渠道接口, M-101): for channel keys and staff tokens, described at /api/v1/openapi.json."""

from aiohttp import web

from portal.api import applications, exchange, inquiries, outside, search, workdays


def setup(app: web.Application) -> None:
    for part in (search, inquiries, applications, workdays, outside, exchange):
        part.routes.register(app)
