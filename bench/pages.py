"""How long pages and their interfaces take on large books: the node's own time, no network.

python -m bench.pages [--keys 100000] [--transfers 5000000] [--rounds 15] [--file books.db] [page]

Fills a SQLite database with books (``bench/books.py``), starts the node on it in this process, and
asks for each page again and again, as a signed-in operator, a visitor or a customer. ``--file``
keeps the books, and uses them again when they are there. ``first`` is the first call since the
start, ``cpu`` processor time, which other programs on the machine do not disturb as much: of
``cpu`` the smallest is the page's, what is above it is what else the node did. ``profile`` shows
where the time of one page goes.
"""

import argparse
import asyncio
import cProfile
import pstats
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from starlette.types import Message

from bench import books
from routstr.core.db import migrate
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.main import App, create_app

PAGES: Final = (
    "/admin/login",
    "/admin",
    "/admin?by=day",
    "/admin?by=month",
    "/admin/charts/earnings?by=hour",
    "/admin/charts/earnings?by=day",
    "/admin/charts/models?by=month",
    "/admin/charts/providers?by=month",
    "/admin/charts/requests?by=day",
    "/admin/keys",
    "/admin/keys?before={key_row}",
    "/admin/keys?search=customer+777",
    "/admin/keys?search={key}",
    "/admin/keys?which=funded",
    "/admin/keys?which=expired",
    "/admin/keys?which=revoked",
    "/admin/keys?which=parents",
    "/admin/keys?which=children",
    "/admin/keys/new",
    "/admin/keys/{key}",
    "/admin/models",
    "/admin/models?search=17",
    "/admin/models/one?provider={provider}&model=vendor/model-17",
    "/admin/providers",
    "/admin/providers/new",
    "/admin/providers/{provider}",
    "/admin/wallet",
    "/admin/wallet/mints",
    "/admin/wallet/sagas",
    "/admin/wallet/sagas?state=failed",
    "/admin/wallet/out",
    "/admin/wallet/check",
    "/admin/wallet/check/part",
    "/admin/transactions",
    "/admin/transactions?before={transfer}",
    "/admin/transactions?kind=charge",
    "/admin/transactions?kind=deposit",
    "/admin/transactions?kind=payout",
    "/admin/transactions?from={day}&to={day}",
    "/admin/transactions?kind=deposit&from={day}&to={day}",
    "/admin/transactions?kind=payout&from={day}&to={day}",
    "/admin/transactions?key={key}",
    "/admin/transactions?key={key}&kind=deposit",
    "/admin/transactions?key={key}&from={day}&to={day}",
    "/admin/transactions/invoices",
    "/admin/transactions/invoices?status=paid",
    "/admin/transactions/invoices?purpose=topup",
    "/admin/transactions/tokens",
    "/admin/transactions/tokens?status=issued",
    "/admin/transactions/tokens?status=pending",
    "/admin/transactions/tokens?key={key}",
    "/admin/transactions/export/transfers.csv",
    "/admin/transactions/export/transfers.json?kind=deposit",
    "/admin/transactions/export/invoices.csv",
    "/admin/transactions/export/tokens.csv",
    "/admin/settings",
    "/admin/security",
    "/admin/logs",
    "/admin/logs?level=error",
    "/admin/logs?search=nowhere",
    "/admin/logs?request_id={request}",
    "/admin/logs/{request}?at={ended}",
    "/admin/logs/{request}",
    "/admin/api/usage/dashboard",
    "/admin/api/usage/metrics",
    "/admin/api/usage/summary",
    "/admin/api/usage/revenue-by-model",
    "/admin/api/usage/error-details",
    "/admin/api/alerts",
    "/admin/api/apikeys",
    "/admin/api/temporary-balances",
    "/admin/api/apikeys/{key}",
    "/admin/api/transactions",
    "/admin/api/transactions?type=out",
    "/admin/api/models",
    "/admin/api/upstream-providers",
    "/admin/api/provider-health",
    "/admin/api/balances",
    "/admin/api/wallet",
    "/admin/api/wallet/sagas",
    "/admin/api/wallet/verification",
    "/admin/api/settings",
    "/admin/api/logs",
    "/admin/api/logs/{request}?at={ended}",
    "/",
    "/?model=vendor/model-17",
    "/now",
    "/key",
    "/play",
    "/docs",
    "/llms.txt",
    "/v1/models",
    "/v1/info",
    "/health",
    "/v1/balance/info",
    "/v1/balance/usage",
    "/v1/balance/history",
    "/v1/balance/history?limit=500",
    "/v1/balance/history.csv",
)
_PASSWORD: Final = "correct horse battery"
_HOST: Final = (b"host", b"node")
_FORM: Final = (b"content-type", b"application/x-www-form-urlencoded")


class Answer(Struct, frozen=True):
    """What came, and how long it took, in ms; of a long answer the time of its first part."""

    status: int
    headers: Mapping[bytes, bytes]
    took: float
    busy: float


async def ask(app: App, path: str, session: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Call the application as whoever calls this path."""
    where, _, query = path.partition("?")
    credential = books.KEY.key if where.startswith("/v1/") else session
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": method, "path": where, "raw_path": where.encode(), "query_string": query.encode(),
        "root_path": "", "scheme": "http", "server": ("node", 80), "client": ("127.0.0.1", 1),
        "headers": [
            _HOST, _FORM, (b"cookie", f"routstr_session={session}".encode()),
            (b"authorization", f"Bearer {credential}".encode()),
            *([] if where.startswith(("/v1/", "/admin/api")) else [(b"accept", b"text/html")]),
        ],
    }  # fmt: skip
    told: list[Message] = []
    begun = asyncio.Event()

    async def receive() -> Message:
        if told:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)
        if message.get("body") or (len(told) > 1 and not message.get("more_body")):
            begun.set()

    began, before = time.perf_counter(), time.process_time()
    call = asyncio.ensure_future(app(scope, receive, send))
    first = asyncio.ensure_future(begun.wait())
    await asyncio.wait((call, first), return_when=asyncio.FIRST_COMPLETED)
    took, busy = time.perf_counter() - began, time.process_time() - before
    first.cancel()
    if not call.done():
        call.cancel()
    await asyncio.gather(call, first, return_exceptions=True)
    return Answer(told[0]["status"], dict(told[0]["headers"]), took * 1_000, busy * 1_000)


def settings_of(file: Path, folder: Path) -> Settings:
    """The settings of a node with these books; its model list is made in ``folder``."""
    books.write_models(folder / "models.json")
    return Settings(
        database_url=Secret(f"sqlite:///{file}"),
        routstr_secret_key=Secret(books.NODE_KEY),
        admin_password=Secret(_PASSWORD),
        log_dir=folder,
        enable_console_logging=False,
        btc_usd="100000",
        cashu_mints=books.MINT,
        upstream_base_url="http://127.0.0.1:9/v1",
        upstream_name="vendor",
        models_path=folder / "models.json",
    )


async def measure(settings: Settings, file: Path, pages: list[str], rounds: int) -> None:
    """Start the node, let it add everything up, and ask."""
    app = create_app(settings)
    async with app.api.router.lifespan_context(app.api):
        form = f"password={_PASSWORD.replace(' ', '+')}".encode()
        entered = await ask(app, "/admin/login", "", "POST", form)
        cookie = entered.headers.get(b"set-cookie", b"").decode().partition(";")[0]
        assert cookie, f"signing in was answered with {entered.status}"
        began = time.perf_counter()
        while not _added_up(file):  # noqa: ASYNC110 - another thread of the node does it
            await asyncio.sleep(1)
        print(f"added up in {time.perf_counter() - began:.0f} s beside the first verification")
        head = f"{'page':62} status |   first |    cpu: min  median | time: min  median, ms"
        print(head)
        for page in pages:
            answers = [await ask(app, page, cookie.partition("=")[2]) for _ in range(rounds + 1)]
            _tell(page, answers)


async def profile(settings: Settings, page: str, rounds: int) -> None:
    """Show where the time of one page goes, in the thread that serves."""
    app = create_app(settings)
    async with app.api.router.lifespan_context(app.api):
        form = f"password={_PASSWORD.replace(' ', '+')}".encode()
        entered = await ask(app, "/admin/login", "", "POST", form)
        session = entered.headers[b"set-cookie"].decode().partition(";")[0].partition("=")[2]
        await ask(app, page, session)
        watch = cProfile.Profile()
        watch.enable()
        for _ in range(rounds):
            await ask(app, page, session)
        watch.disable()
    pstats.Stats(watch).sort_stats("cumulative").print_stats(60)


def _tell(page: str, answers: list[Answer]) -> None:
    first, *rest = answers
    took, busy = [one.took for one in rest], [one.busy for one in rest]
    print(
        f"{page[:62]:62} {first.status:6} | {first.busy:7.1f} | {min(busy):9.1f}"
        f" {statistics.median(busy):7.1f} | {min(took):9.1f} {statistics.median(took):7.1f}",
        flush=True,
    )


def _named(file: Path, folder: Path, pages: list[str]) -> Iterator[str]:
    """Fill in what these books have."""
    request, ended = books.write_log(folder, file)
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as raw:
        transfer, row = (
            raw.execute(f"SELECT max(id) / 2 FROM {table}").fetchone()[0]
            for table in ("transfers", "api_keys")
        )
    names = {
        "key": books.KEY.public_id, "key_row": row, "transfer": transfer, "provider": "vendor",
        "request": request, "ended": ended,
        "day": time.strftime("%Y-%m-%d", time.gmtime(ended)),
    }  # fmt: skip
    for page in pages:
        yield page.format(**names)


def _added_up(file: Path) -> bool:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as raw:
        reach = raw.execute("SELECT coalesce(max(upto), 0) FROM usage_progress").fetchone()[0]
        verified = raw.execute("SELECT count(*) FROM verifications").fetchone()[0]
        return bool(
            verified and reach == raw.execute("SELECT max(id) FROM transfers").fetchone()[0]
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", default=list(PAGES))
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--transfers", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="routstr-pages-") as name:
        folder = Path(name)
        file = options.file or folder / "books.db"
        if file.exists():
            migrate.upgrade(f"sqlite:///{file}")
        else:
            began = time.perf_counter()
            books.fill(file, options.keys, options.transfers)
            print(f"{options.transfers} transfers written in {time.perf_counter() - began:.0f} s")
        pages = list(_named(file, folder, options.pages))
        settings = settings_of(file, folder)
        if options.profile:
            asyncio.run(profile(settings, pages[0], options.rounds))
        else:
            asyncio.run(measure(settings, file, pages, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
