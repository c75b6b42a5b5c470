"""The settings' routes and page over a real table; whoever asks is let in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import FastAPI

from routstr.admin.pages import settings as pages
from routstr.admin.pages.door import Signed, signed_in
from routstr.admin.settings import endpoints
from routstr.core.clock import ManualClock
from routstr.core.options.service import Agree, Options, Unusable
from routstr.core.rendering import install_error_handlers
from routstr.core.settings import Settings
from routstr.theme.engine import Theme
from tests.unit.core.asgi import Answer, ask
from tests.unit.upstream import storing

GIVEN = Settings(
    name="Env", upstream_api_key="sk-planted", upstream_base_url="https://api.example.com"
)


@dataclass
class Counter:
    """``options`` are what the operator changes."""

    options: Options
    app: FastAPI

    async def call(self, method: str, body: object = None) -> Answer:
        chunk = b"" if body is None else msgspec.json.encode(body)
        headers = [("Content-Type", "application/json")]
        path = "/admin/api/settings"
        return await ask(self.app, method, path, headers=headers, chunks=(chunk,))

    async def told(self, method: str = "GET", body: object = None) -> Any:
        answer = await self.call(method, body)
        assert answer.status == 200, answer.body
        return answer.json()

    async def page(
        self, path: str, fields: Mapping[str, str] | None = None, *, part: bool = False
    ) -> Answer:
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        headers += [("HX-Request", "true")] if part else []
        if fields is None:
            return await ask(self.app, "GET", path, headers=headers)
        chunks = (urlencode(fields).encode(),)
        return await ask(self.app, "POST", path, headers=headers, chunks=chunks)


async def _use(settings: Settings, agree: Agree | None) -> None:
    if settings.description == "bad":
        raise Unusable("a bad description")
    if agree is not None:
        await agree()


def _anything(_settings: Settings) -> None: ...


async def _nothing() -> None: ...


@asynccontextmanager
async def open_counter(folder: Path, given: Settings = GIVEN) -> AsyncIterator[Counter]:
    async with storing.database(folder) as db:
        options = Options(db, ManualClock(), given, _anything, _use)
        await options.load()
        app = FastAPI()
        install_error_handlers(app)
        app.include_router(endpoints.router)
        app.include_router(pages.router)
        for one in endpoints.router.dependencies:
            assert one.dependency is not None
            app.dependency_overrides[one.dependency] = _nothing
        app.dependency_overrides[signed_in] = lambda: Signed("token", "mark")
        app.state.options = options
        packages = {"theme": "routstr.theme", "admin": "routstr.admin"}
        app.state.theme = Theme(packages, {"name": "N", "version": "0"})
        yield Counter(options, app)
