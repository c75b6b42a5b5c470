"""An application with pages, and a client that asks it."""

from fastapi import APIRouter, FastAPI, Request, Response

from routstr.errors import NotFound
from routstr.theme.assets import PREFIX
from routstr.theme.engine import Theme
from routstr.theme.routes import PageRoute, form, theme_of
from tests.unit.core.asgi import Answer, ask

PACKAGES = {"theme": "routstr.theme"}


def theme() -> Theme:
    return Theme(PACKAGES, {"name": "Node <1>", "version": "1"})


def application() -> FastAPI:
    api = FastAPI()
    api.state.theme = theme()
    router = APIRouter(route_class=PageRoute)

    @router.get("/page")
    async def page(request: Request) -> Response:
        return theme_of(request).page(request, "theme/base.html")

    @router.get("/missing")
    async def missing() -> Response:
        raise NotFound("There is no model <x>.")

    @router.post("/form")
    async def fields(request: Request) -> Response:
        return Response(repr(await form(request)))

    @router.get(PREFIX + "/{path:path}")
    async def asset(request: Request) -> Response:
        return await theme_of(request).assets(request)

    api.include_router(router)
    return api


API = application()


async def get(path: str, **headers: str) -> Answer:
    """Ask for something; ``accept_encoding`` is the header of that name."""
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return await ask(API, "GET", path, headers=sent)


def text(answer: Answer) -> str:
    return answer.body.decode()
