"""A node started for its documents' sake: its routes, and how it answers without a credential."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import Route

from routstr.core.settings import Settings
from routstr.main import App, create_app
from tests.unit.core.asgi import ask
from tests.unit.docs_markdown import ROOT

OPEN_ROUTES = ("/", "/v1/info", "/health", "/health/ready", "/v1/models")


@dataclass(frozen=True, slots=True)
class Surface:
    """What a node shows: ``routes`` as ``GET /v1/info``, ``answers`` by path."""

    routes: frozenset[str]
    answers: dict[str, Any]

    def serves(self, method: str, path: str) -> bool:
        """Whether some route takes this request; ``{name}`` stands for any text."""
        return any(
            re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(route)), f"{method} {path}")
            for route in self.routes
        )


async def look(folder: Path) -> Surface:
    """Start a node in ``folder``, ask what is open to everybody, and stop it."""
    app = create_app(
        Settings(
            database_url=f"sqlite:///{folder / 'routstr.db'}",
            log_dir=folder / "logs",
            enable_console_logging=False,
            models_path=ROOT / "models.json",
            btc_usd="100000",
        )
    )
    async with app.api.router.lifespan_context(app.api):
        answers = {path: (await ask(app, "GET", path)).json() for path in OPEN_ROUTES}
        return Surface(frozenset([*_management_routes(app), *_hot_routes(app)]), answers)


def _management_routes(app: App) -> Iterator[str]:
    for route in app.api.routes:
        if isinstance(route, Route):  # and no WebSocket
            shown = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
            methods = route.methods or set()
            yield from (f"{method} {shown}" for method in methods if method != "HEAD")


def _hot_routes(app: App) -> Iterator[str]:
    assert app.running is not None, "a node that runs serves"
    return (f"POST {path}" for path in app.running.hot._routes)
