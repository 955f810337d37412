"""The staff's side (工作人员端): one folder per audience, put together here.

Each folder has a `views.py` with `setup(app)`, which adds its templates and static files and registers its routes.
The order is the order of the navigation.
"""

from importlib import import_module
from pathlib import Path

from aiohttp import web

from agent_desktop import api
from core.web import account, login

FOLDERS = ("softphone", "desk", "liaison", "supervise", "wallboard", "admin", "phone")


def setup(app: web.Application) -> None:
    """Add every folder; the keys of `agent_desktop.keys` must be set before."""
    login.routes.register(app)
    account.routes.register(app)
    api.routes.register(app)
    for name in FOLDERS:
        if (Path(__file__).parent / name / "views.py").is_file():
            import_module(f"agent_desktop.{name}.views").setup(app)
