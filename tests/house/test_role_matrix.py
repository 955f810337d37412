"""Who may do what (§5.9), action by action: no route lets in a role that the matrix does not name for its action.

The gate's obedience to the declarations is test_routes' matter; the cells, with what each role reaches and what does not
exist for it, are tests/db/test_role_matrix.
"""

from support.web import web_app

from core.db import Database
from core.people import Role
from core.web.routes import Audience, declared

OP, LSN, HEAD, GOV = Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE
SUP, MON, SEC, ADM = Role.SUPERVISOR, Role.INSPECTOR, Role.SECRECY, Role.ADMIN
TICKET = "/tickets/{ticket_no}"
MATRIX: dict[str, tuple[set[Role], list[str]]] = {
    # action: (the roles with a cell in its row, the routes that do it)
    "answer the queue, transfer": ({OP}, ["POST /desk/seat", "POST /desk/call", "GET /desk/ws"]),
    "take a transferred call": ({LSN, HEAD, GOV}, ["POST /liaison/call", "GET /liaison/ws"]),
    "register, void": ({OP, LSN, GOV, SUP, MON}, [f"POST {TICKET}/register", "POST /desk/tickets/{ticket_no}/finish", "POST /window"]),
    "reply, ask for forward or extension": ({LSN, HEAD, GOV, MON}, [f"POST {TICKET}/answer", f"POST {TICKET}/forward", f"POST {TICKET}/ask"]),
    "approve forward, extension": ({HEAD, GOV, MON}, [f"POST {TICKET}/decide"]),
    "dispatch, designate": ({GOV}, ["GET /office", f"POST {TICKET}/dispatch", f"POST {TICKET}/level"]),
    "handle a complaint": ({MON}, ["GET /inspect/complaints", f"POST {TICKET}/accept", f"POST {TICKET}/reject", f"POST {TICKET}/cause", f"POST {TICKET}/verdict"]),
    "seal": ({MON, SEC}, [f"POST {TICKET}/seal", "GET /inspect/sealed"]),
    "KB edit": ({LSN, HEAD, GOV}, ["GET /kb/new", "POST /kb/new", "POST /kb/entries/{entry_id}/edit"]),
    "overdue explanation: write": ({LSN, HEAD, GOV}, [f"POST {TICKET}/propose"]),
    "overdue explanation: confirm": ({HEAD, GOV}, [f"POST {TICKET}/review"]),
    "accountability, judicial": ({MON}, [f"POST {TICKET}/accountability", f"POST {TICKET}/judiciary", "GET /inspect/accountability"]),
    "calendar: propose": ({GOV, SUP, ADM}, ["POST /admin/calendar/day", "POST /admin/calendar/hours", "POST /admin/calendar/proposals/{proposal_id}"]),
    "IVR texts: edit, propose": ({GOV, SUP, ADM}, ["POST /admin/prompts/{prompt}"]),
    "IVR texts: decide, restore": ({SUP, ADM}, ["POST /admin/prompts/{prompt}/decide", "POST /admin/prompts/{prompt}/restore"]),
    "calendar: published year": ({SUP, ADM}, ["POST /admin/calendar/year"]),
    "accounts": ({HEAD, GOV, SUP, ADM}, ["GET /admin", "POST /admin/people", "POST /admin/people/{username}", "POST /admin/people/{username}/password", "POST /admin/people/{username}/active", "POST /admin/people/{username}/tokens"]),
    "directory": ({HEAD, GOV, SUP, ADM}, ["POST /admin/directory/{kind}", "POST /admin/directory/{kind}/remove", "POST /admin/history/{change_id}/undo", "GET /admin/readiness"]),
    "import, keys of other channels": ({ADM}, ["POST /admin/import", "POST /admin/import/confirm", "POST /admin/channels"]),
    "QA score": ({HEAD, GOV, SUP, MON}, ["POST /quality/draws", "POST /quality/samples/{id}/grade", "POST /quality/sheets/{id}"]),
    "QA score: own view": ({OP, LSN, HEAD}, ["GET /quality/results", "POST /quality/samples/{id}/appeal"]),
    "training register": ({HEAD, GOV, SUP, MON}, ["GET /training", "GET /training/records", "POST /training/new", "POST /training/import/confirm", "POST /training/records/{id}/revoke"]),
    "training register: own view": ({OP, LSN, HEAD}, ["GET /training/mine"]),
    "praise/criticism lists sign": ({GOV, MON}, ["POST /reports/citations", "POST /reports/citations/{id}/{step}"]),
    "audit log: read": ({MON}, ["GET /inspect/audit"]),
    "audit log: verify": ({ADM}, ["POST /admin/audit"]),
}  # fmt: skip
WITHOUT_CONTENT = ("/admin", "/wallboard")
"""Where the administrator may go: runs the machine, has no right to content."""


async def test_every_action_is_for_the_roles_of_its_row(db: Database):
    """For each action of §5.9 the routes that do it exist and are declared for roles of its row alone.

    A clerk at a window (窗口) is another channel's person and stands beside the matrix.
    """
    said = {f"{item.method} {item.pattern}": item.roles for item in declared(web_app(db))}
    beyond = {
        (action, route): sorted(said[route] - {Role.WINDOW} - roles)  # type: ignore[operator]
        for action, (roles, routes) in MATRIX.items()
        for route in routes
        if isinstance(said[route], Audience) or said[route] - {Role.WINDOW} - roles  # type: ignore[operator]
    }
    assert beyond == {}


async def test_the_administrator_sees_no_content(db: Database):
    """§5.9: no page of tickets, calls, recordings or knowledge is declared for the administrator."""
    mine = [
        item.pattern
        for item in declared(web_app(db))
        if not isinstance(item.roles, Audience) and ADM in item.roles
    ]
    assert [path for path in mine if not path.startswith(WITHOUT_CONTENT)] == []
    assert mine
