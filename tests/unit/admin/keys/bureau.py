"""Routes and pages of keys and books over a real database and played mints; all may enter."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from fastapi import FastAPI

from routstr.admin.books import routes as book_routes
from routstr.admin.books.desk import BooksDesk
from routstr.admin.keys import routes as key_routes
from routstr.admin.keys.actions import KeyActions
from routstr.admin.keys.desk import KeyDesk
from routstr.admin.logs import routes as log_routes
from routstr.admin.pages import key, keys, logs, transactions
from routstr.admin.pages.door import Signed, signed_in
from routstr.auth.children import Children
from routstr.auth.custody import Custody
from routstr.auth.service import Authenticator, KeyCompletion, Payer
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.core.rendering import install_error_handlers
from routstr.money import Msat
from routstr.payment.claims import Claims
from routstr.payment.intake import Intake
from routstr.payment.used_tokens import CREATE
from routstr.payment.withdrawals import (
    KEY_WITHDRAWAL,
    KeyWithdrawalCompletion,
    KeyWithdrawals,
)
from routstr.theme.engine import Theme
from routstr.wallet import token
from tests.unit.core.asgi import Answer, ask
from tests.unit.payment.lightning import FIRST, Desk, open_desk
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY

JSON = [("Content-Type", "application/json")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]


@dataclass
class Bureau:
    """``world`` is where customers pay; ``actions`` and ``books`` are the operator's."""

    world: Desk
    auth: Authenticator
    children: Children
    actions: KeyActions
    books: BooksDesk
    app: FastAPI

    async def key(self, *amounts: int, terms: KeyTerms = NO_TERMS) -> Payer:
        """A customer's new key."""
        text = token.encode_b(self.world.mint().token(*amounts))
        return (await self.auth.create_api_key(text, terms=terms)).payer

    async def call(self, method: str, path: str, body: object = None, name: str = "") -> Answer:
        chunk = b"" if body is None else msgspec.json.encode(body)
        headers = [*JSON, *([("Idempotency-Key", name)] if name else [])]
        return await ask(self.app, method, f"/admin/api{path}", headers=headers, chunks=(chunk,))

    async def told(self, method: str, path: str, body: object = None, name: str = "") -> Any:
        answer = await self.call(method, path, body, name)
        assert answer.status == 200, answer.body
        return answer.json()

    async def code(self, method: str, path: str, body: object = None, name: str = "") -> str:
        answer = await self.call(method, path, body, name)
        assert answer.status >= 400, answer.body
        return str(answer.json()["error"]["code"])

    async def page(self, path: str, fields: Mapping[str, str] | None = None) -> Answer:
        """Look at a page, or send a form."""
        if fields is None:
            return await ask(self.app, "GET", path)
        return await ask(self.app, "POST", path, headers=FORM, chunks=(urlencode(fields).encode(),))

    async def text(self, path: str, fields: Mapping[str, str] | None = None) -> str:
        answer = await self.page(path, fields)
        assert answer.status == 200, answer.body
        return answer.body.decode()


@asynccontextmanager
async def open_bureau(folder: Path, *, own: int = 0) -> AsyncIterator[Bureau]:
    """A mint without fees; ``own`` sat are the operator's. The books are proven at the end."""
    async with open_desk(folder, PayingMint(Signer(fee=0))) as desk:
        world, wallet, clock = desk.world, desk.house.wallet, desk.world.clock
        wallet.register(CREATE, KeyCompletion(clock))
        wallet.register(KEY_WITHDRAWAL, KeyWithdrawalCompletion(clock))
        if own:
            await desk.earn(await desk.account(own), own)
        auth = Authenticator(world.db, Intake(wallet, clock), KEY, clock)
        actions = KeyActions(
            KeyDesk(world.db, clock),
            Custody(world.db, KEY, clock),
            KeyWithdrawals(world.db, wallet),
            desk.refunds,
            auth,
            wallet.mints,
        )
        books = BooksDesk(world.db, clock, Claims(world.db, wallet, clock))
        children = Children(world.db, KEY, clock, Msat(0))
        yield Bureau(desk, auth, children, actions, books, _app(actions, books))


def _app(actions: KeyActions, books: BooksDesk) -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    for router in (
        key_routes.router, book_routes.router, keys.router, key.router, transactions.router,
        log_routes.router, logs.router,
    ):  # fmt: skip
        app.include_router(router)
        for one in router.dependencies:
            assert one.dependency is not None
            app.dependency_overrides[one.dependency] = _nothing
    app.dependency_overrides[signed_in] = lambda: Signed("token", "mark")
    packages = {"theme": "routstr.theme", "admin": "routstr.admin"}
    app.state.theme = Theme(packages, {"name": "Node", "version": "0"})
    app.state.admin_keys, app.state.admin_books = actions, books
    return app


def _nothing() -> None:
    """Whoever asks is let in."""


__all__ = ["FIRST", "Bureau", "open_bureau"]
