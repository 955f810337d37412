"""What both web rooms share (网页公用): who may open a page, sessions, error pages, live updates, the look.

Knows nothing of calls, tickets or the knowledge base: a web room brings its own routes, templates and static files.

The `views.py` of a folder looks like this::

    routes = Routes()

    @routes.get("/desk", roles={Role.OPERATOR}, nav="话务台")
    async def desk(request: web.Request) -> web.StreamResponse:
        return render(request, "desk/index.html", person=request[USER])

    def setup(app: web.Application) -> None:
        add_room(app, "agent_desktop.desk", prefix="desk")  # templates/ as desk/…, static/ at /static/desk/…
        routes.register(app)

Every form holds `{{ csrf_field() }}`; scripts use `/static/core/http.js`, which sends the token by itself.
"""
