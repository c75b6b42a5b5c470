"""The admin API on a real database, with a fleet that it changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from routstr.admin import access, access_endpoints, providers
from routstr.admin.access_desk import AccessDesk
from routstr.admin.desk import AdminParts, ProviderDesk
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions
from routstr.core.clock import ManualClock
from routstr.core.rendering import install_error_handlers
from routstr.core.secret import Secret
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.fleet import Fleet
from routstr.upstream.watch import ProviderWatch
from tests.unit.core.asgi import Answer, ask
from tests.unit.upstream import storing
from tests.unit.upstream.carriers import Alarms, profile

PASSWORD = "correct horse"
CHEAP = 1 << 4
"""So that tests do not spend their time on passwords."""
OWN = profile("own", "sk-own-planted", id=0)


@dataclass
class Office:
    """Asks as the operator, once logged in."""

    app: FastAPI
    fleet: Fleet
    token: str = ""

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        headers = [("Content-Type", "application/json")]
        if self.token:
            headers.append(("Authorization", f"Bearer {self.token}"))
        encoded = b"" if body is None else msgspec.json.encode(body)
        return await ask(self.app, method, f"/admin/api{path}", headers=headers, chunks=(encoded,))

    async def log_in(self, password: str = PASSWORD) -> Answer:
        answer = await self.ask("POST", "/login", {"password": password})
        if answer.status == 200:
            self.token = answer.json()["token"]
        return answer

    async def told(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.status == 200, answer.body
        return answer.json()


@asynccontextmanager
async def office(folder: Path, password: str = PASSWORD) -> AsyncIterator[Office]:
    async with storing.database(folder) as db:
        fleet, stored = Fleet(Alarms().parts()), storing.providers(db, taken=OWN.name)

        async def changed(_: object) -> None:
            """Nothing is sold here."""

        watch = ProviderWatch(stored, fleet, (OWN,), UpstreamLimits(), changed)
        app = FastAPI()
        install_error_handlers(app)
        for router in (access.router, access_endpoints.router, providers.router):
            app.include_router(router)
        clock = ManualClock()
        passwords = Passwords(db, storing.NODE_KEY, clock, Secret(password), cost=CHEAP)
        sessions = Sessions(db, storing.NODE_KEY, clock, passwords)
        app.state.admin = AdminParts(
            sessions,
            ProviderDesk(stored, (OWN,), Decimal("1.05"), watch.look),
            AccessDesk(db, clock, sessions),
        )
        yield Office(app, fleet)
