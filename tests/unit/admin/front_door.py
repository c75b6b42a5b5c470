"""The operator's pages on a real database: signing in, security, the first run."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from fastapi import FastAPI

from routstr.admin.access_desk import AccessDesk
from routstr.admin.desk import AdminParts, ProviderDesk
from routstr.admin.first_run import FirstRun
from routstr.admin.pages import security, setup, setup_pay, sign_in
from routstr.admin.pages.door import COOKIE, SignInNeeded, send_to_sign_in
from routstr.admin.passwords import Passwords
from routstr.admin.sessions import Sessions
from routstr.admin.setup.desk import SetupDesk
from routstr.admin.setup.first_payment import FirstPayment
from routstr.admin.setup.mint_check import MintCheck, MintReport, MintUnfit
from routstr.admin.setup.own_door import OwnDoor
from routstr.admin.setup.provider_check import ProviderCheck, ProviderReport
from routstr.admin.setup.steps import Progress
from routstr.core.clock import ManualClock
from routstr.core.options.service import Agree, Options
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.theme.engine import Theme
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.fleet import Fleet
from routstr.upstream.watch import ProviderWatch
from tests.unit.admin.office import CHEAP
from tests.unit.admin.public import Public
from tests.unit.core.asgi import Answer, ask
from tests.unit.upstream import storing
from tests.unit.upstream.carriers import Alarms

PASSWORD = "correct horse"
MINT = "https://mint.example.com"
PACKAGES = {"theme": "routstr.theme", "admin": "routstr.admin"}
THEME = Theme(PACKAGES, {"name": "a node", "version": "0"})


class KnownMints(MintCheck):
    """Only :data:`MINT` answers."""

    def __init__(self) -> None:
        """Asks nobody."""

    async def look(self, url: str) -> MintReport:
        if url != MINT:
            raise MintUnfit("address", "must be https")
        return MintReport(MINT, "<b>a mint</b>", "1", "", (), ("restore",))


class AnyProvider(ProviderCheck):
    """All answer."""

    def __init__(self) -> None:
        """Asks nobody."""

    async def look(self, kind: str, base_url: str, key: Secret) -> ProviderReport:
        return ProviderReport(base_url, 1, ("good",), answered=True)


@dataclass
class FrontDoor:
    """A browser before the operator's pages. It keeps the session's cookie."""

    app: FastAPI
    sessions: Sessions
    first_run: FirstRun
    options: Options
    public: Public
    clock: ManualClock
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        return self.sessions.mark(self.cookies.get(COOKIE, ""))

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("GET", path, headers or {})

    async def post(self, path: str, mark: str | None = None, **fields: str) -> Answer:
        csrf = self.mark if mark is None else mark
        body = urlencode({"csrf": csrf, **fields}).encode()
        return await self._ask("POST", path, {}, body)

    async def sign_in(self, password: str = PASSWORD) -> Answer:
        return await self.post("/admin/login", password=password)

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Host": "node", "Cookie": cookie, "User-Agent": "<b>browser</b>", **headers}
        path, _, query = path.partition("?")
        answer = await ask(
            _with_query(self.app, query), method, path, headers=sent.items(), chunks=(body,)
        )
        assert answer.raised is None, answer.raised
        for one in answer.all("set-cookie"):
            for name, morsel in SimpleCookie(one).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer


def _with_query(app: FastAPI, query: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    async def asked(scope, receive, send):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        await app({**scope, "query_string": query.encode()}, receive, send)

    return asked


@asynccontextmanager
async def front_door(folder: Path, given: str = PASSWORD) -> AsyncIterator[FrontDoor]:
    async with storing.database(folder) as db:
        clock = ManualClock()
        settings = Settings(admin_password=Secret(given)) if given else Settings()
        passwords = Passwords(db, storing.NODE_KEY, clock, Secret(given), cost=CHEAP)
        sessions = Sessions(db, storing.NODE_KEY, clock, passwords)
        stored = storing.providers(db)

        async def changed(_: object) -> None:
            """Nothing is sold here."""

        async def use(_: Settings, agree: Agree | None) -> None:
            if agree is not None:
                await agree()

        watch = ProviderWatch(stored, Fleet(Alarms().parts()), (), UpstreamLimits(), changed)
        desk = ProviderDesk(stored, (), Decimal("1.05"), watch.look)
        options = Options(db, clock, settings, lambda _: None, use)
        first_run, public = FirstRun(sessions, db, storing.NODE_KEY), Public()
        app = FastAPI()
        app.add_exception_handler(SignInNeeded, send_to_sign_in)
        for router in (sign_in.router, security.router, setup_pay.router, setup.router):
            app.include_router(router)
        app.state.theme = THEME
        app.state.admin = AdminParts(sessions, desk, AccessDesk(db, clock, sessions))
        app.state.setup = SetupDesk(
            first_run,
            Progress(db),
            options,
            KnownMints(),
            desk,
            AnyProvider(),
            FirstPayment(OwnDoor(public)),
        )
        yield FrontDoor(app, sessions, first_run, options, public, clock)
