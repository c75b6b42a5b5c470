"""How long the operator's pages take on large books: the node's own time, without a network.

python -m bench.pages [--keys 100000] [--transfers 5000000] [--rounds 15] [--file books.db] [page]

Fills a SQLite database with keys, deposits, requests and ecash that agree with each other, starts
the node on it in this process, and asks for each page again and again as a signed-in operator.
``--file`` keeps the books, and uses them again when they are there. The last column is processor
time, which other programs on the machine do not disturb as much.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from starlette.types import Message

from routstr.core.db import migrate
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.main import App, create_app

PAGES: Final = (
    "/admin",
    "/admin?by=day",
    "/admin?by=month",
    "/admin/charts/earnings?by=day",
    "/admin/charts/models?by=month",
    "/admin/keys",
    "/admin/transactions",
    "/admin/wallet",
    "/admin/settings",
    "/admin/security",
    "/admin/api/usage/dashboard",
)
_PASSWORD: Final = "correct horse battery"
_MINT: Final = "https://mint.example"
_NODE_ACCOUNTS: Final = 100
"""Accounts below this id are the node's; keys follow."""
_DEPOSIT: Final = 1_000_000
_CHARGE: Final = 1_000
_SPREAD_MS: Final = 90 * 86_400_000
_KINDS: Final = {
    "revenue": 20, "loss": 23, "mint_fees": 21, "rounding": 22, "donations": 24, "capital": 25,
    "payouts": 26, "unclaimed": 3, "suspense": 4, "in_flight": 5,
}  # fmt: skip
_COUNT_TO: Final = (
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
)


def fill(file: Path, keys: int, transfers: int) -> None:
    """Write books in which every key has paid in once and has made as many requests as others."""
    migrate.upgrade(f"sqlite:///{file}")
    raw = sqlite3.connect(file, isolation_level=None)
    raw.create_function("entry_key", 2, lambda letter, n: letter.encode() + n.to_bytes(8, "big"))
    for pragma in ("synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
        raw.execute(f"PRAGMA {pragma}")
    indexes = raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        " AND tbl_name IN ('transfers', 'holds', 'sagas', 'api_keys')"
    ).fetchall()
    raw.execute("BEGIN")
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    each = max(0, transfers // keys - 1)
    now = time.time_ns() // 1_000_000
    _open_accounts(raw, keys, each, now)
    _pay_in(raw, keys, now)
    _spend(raw, keys, each, now)
    _hold_ecash(raw, keys)
    for _, statement in indexes:
        raw.execute(statement)
    raw.execute("COMMIT")
    raw.execute("ANALYZE")
    raw.close()


def _open_accounts(raw: sqlite3.Connection, keys: int, each: int, now: int) -> None:
    totals = {"revenue": keys * each * _CHARGE}
    for number, (name, kind) in enumerate(_KINDS.items(), 1):
        values = (number, kind, name, int(kind >= 20), totals.get(name, 0), now)
        raw.execute(
            "INSERT INTO accounts (id, kind, name, overdraft, closed, posted, held, deposited,"
            " spent, requests, created_at) VALUES (?, ?, ?, ?, 0, ?, 0, 0, 0, 0, ?)",
            values,
        )
    raw.execute(
        "INSERT INTO accounts (id, kind, name, overdraft, closed, posted, held, deposited, spent,"
        " requests, created_at) VALUES (?, 10, ?, 1, 0, ?, 0, 0, 0, 0, ?)",
        (_NODE_ACCOUNTS - 1, f"asset:sat:{_MINT}", -keys * _DEPOSIT, now),
    )
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO accounts (id, kind, overdraft, closed, posted, held, deposited, spent,"
        " requests, created_at, last_used_at)"
        f" SELECT {_NODE_ACCOUNTS} + i, 1, 0, 0, {_DEPOSIT - each * _CHARGE}, 0, {_DEPOSIT},"
        f" {each * _CHARGE}, {each}, {now - _SPREAD_MS}, {now} FROM n"
    )
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO api_keys (account, key_hash, public_id, mint, unit, metadata, created_at)"
        f" SELECT {_NODE_ACCOUNTS} + i, randomblob(32), 'k_' || lower(hex(randomblob(8))),"
        f" '{_MINT}', 'sat', '{{}}', {now - _SPREAD_MS} + i FROM n"
    )


def _pay_in(raw: sqlite3.Connection, keys: int, now: int) -> None:
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO sagas (id, kind, state, purpose, account, mint, unit, gross, fee, plan,"
        " context, lease_owner, lease_epoch, created_at, ended_at)"
        f" SELECT i + 1, 1, 1, 'create', {_NODE_ACCOUNTS} + i, '{_MINT}', 'sat',"
        f" {_DEPOSIT // 1_000}, 0, x'', '{{}}', 1, 0, {now - _SPREAD_MS}, {now - _SPREAD_MS} FROM n"
    )
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO transfers (id, debit, credit, amount, kind, key, reference, balance_after,"
        f" created_at) SELECT i + 1, {_NODE_ACCOUNTS - 1}, {_NODE_ACCOUNTS} + i, {_DEPOSIT}, 1,"
        " entry_key('R', i + 1), i + 1,"
        f" {_DEPOSIT}, {now - _SPREAD_MS} FROM n"
    )


def _spend(raw: sqlite3.Connection, keys: int, each: int, now: int) -> None:
    if not each:
        return
    count, step = keys * each, _SPREAD_MS / (keys * each)
    raw.execute(
        _COUNT_TO.format(last=count - 1)
        + "INSERT INTO holds (id, account, amount, state, charged, uncollected, owner, request_id,"
        " model, endpoint, price_version, rates, prompt_tokens, completion_tokens, estimated,"
        " created_at, ended_at, provider, own_cost)"
        f" SELECT i + 1, {_NODE_ACCOUNTS} + i % {keys}, {_CHARGE}, 1, {_CHARGE}, 0, 1,"
        " printf('%032x', i), 'vendor/model-' || (i % 23), '/v1/chat/completions', 1, 'r1', 120,"
        f" 80, 0, CAST({now - _SPREAD_MS} + i * {step} AS INTEGER),"
        f" CAST({now - _SPREAD_MS} + i * {step} AS INTEGER), 'provider-' || (i % 4), 900 FROM n"
    )
    raw.execute(
        _COUNT_TO.format(last=count - 1)
        + "INSERT INTO transfers (id, debit, credit, amount, kind, key, reference, balance_after,"
        f" created_at) SELECT {keys} + i + 1, {_NODE_ACCOUNTS} + i % {keys}, 1, {_CHARGE}, 2,"
        " entry_key('C', i + 1), i + 1,"
        f" {_DEPOSIT} - (i / {keys} + 1) * {_CHARGE},"
        f" CAST({now - _SPREAD_MS} + i * {step} AS INTEGER) FROM n"
    )


def _hold_ecash(raw: sqlite3.Connection, keys: int) -> None:
    raw.execute(
        "INSERT INTO keysets (id, mint, keyset_id, unit, active, input_fee_ppk, keys, counter)"
        f" VALUES (1, '{_MINT}', '00ad268c4d1f5826', 'sat', 1, 0, '{{}}', 1000)"
    )
    total, counter = keys * _DEPOSIT // 1_000, 0
    columns = [row[1] for row in raw.execute("PRAGMA table_info(proofs)") if row[3] and not row[5]]
    usual: dict[str, object] = {"keyset": 1, "status": 0, "created_at": 1, "saga": 1}
    while total:
        amount = 1 << (total.bit_length() - 1)
        total -= amount
        counter += 1
        own = {"counter": counter, "amount": amount, "c": b"\2" * 33, "y": counter.to_bytes(33)}
        values = {name: {**usual, **own}.get(name, 0) for name in columns}
        raw.execute(
            f"INSERT INTO proofs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )


async def ask(
    app: App, path: str, cookie: str, method: str = "GET", body: bytes = b""
) -> tuple[int, dict[bytes, bytes], float]:
    """Call the application: status, headers and the seconds that it took."""
    where, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": method, "path": where, "raw_path": where.encode(), "query_string": query.encode(),
        "root_path": "", "scheme": "http", "server": ("node", 80), "client": ("127.0.0.1", 1),
        "headers": [
            (b"host", b"node"), (b"cookie", cookie.encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"authorization", f"Bearer {cookie.partition('=')[2]}".encode()),
        ],
    }  # fmt: skip
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    began = time.perf_counter()
    await app(scope, receive, send)
    return told[0]["status"], dict(told[0]["headers"]), time.perf_counter() - began


async def measure(file: Path, pages: list[str], rounds: int) -> None:
    """Start the node, let it add everything up, and ask."""
    settings = Settings(
        database_url=Secret(f"sqlite:///{file}"),
        routstr_secret_key=Secret("11" * 32),
        admin_password=Secret(_PASSWORD),
        log_dir=file.parent / "logs",
        enable_console_logging=False,
        btc_usd="100000",
        cashu_mints=_MINT,
    )
    app = create_app(settings)
    async with app.api.router.lifespan_context(app.api):
        status, headers, _ = await ask(
            app, "/admin/login", "", "POST", f"password={_PASSWORD.replace(' ', '+')}".encode()
        )
        cookie = headers.get(b"set-cookie", b"").decode().partition(";")[0]
        assert cookie, f"signing in was answered with {status}"
        began = time.perf_counter()
        while not _added_up(file):  # noqa: ASYNC110 - another thread of the node does it
            await asyncio.sleep(1)
        print(f"added up in {time.perf_counter() - began:.0f} s beside the first verification")
        print(f"{'page':40} status    min  median    max  ms")
        for page in pages:
            took, busy = [], []
            for _ in range(rounds + 1):
                before = time.process_time()
                status, _, seconds = await ask(app, page, cookie)
                took.append(seconds * 1_000)
                busy.append((time.process_time() - before) * 1_000)
            first, *rest = took
            print(
                f"{page:40} {status:6} {min(rest):6.1f} {statistics.median(rest):7.1f}"
                f" {max(rest):6.1f}   first {first:6.1f}   cpu {statistics.median(busy[1:]):6.1f}"
            )


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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="routstr-pages-") as folder:
        file = options.file or Path(folder) / "books.db"
        if not file.exists():
            began = time.perf_counter()
            fill(file, options.keys, options.transfers)
            print(f"{options.transfers} transfers written in {time.perf_counter() - began:.0f} s")
        asyncio.run(measure(file, options.pages, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
