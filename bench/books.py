"""Large books for benchmarks: keys, deposits, requests, ecash and invoices that agree.

Nothing is proven by these books; ``routstr verify`` finds nothing wrong in them, so that the node
does with them what it does with real ones.
"""

import json
import sqlite3
import time
from pathlib import Path
from typing import Final

from routstr.auth.keys import Identity, identify
from routstr.core.db import migrate
from routstr.core.node_key import NodeKey

NODE_KEY: Final = "11" * 32
MINT: Final = "https://mint.example"
MODELS: Final = 300
KEY: Final[Identity] = identify(NodeKey(bytes.fromhex(NODE_KEY)), "sk-" + "ab" * 32)
"""The key of the account in the middle."""
_NODE_ACCOUNTS: Final = 100
"""Accounts below this id are the node's; keys follow."""
_DEPOSIT: Final = 1_000_000
_CHARGE: Final = 1_000
_TOKEN: Final = 100_000
"""What every second key has paid out, and redeemed."""
_SPREAD_MS: Final = 90 * 86_400_000
_CHILDREN: Final = 1_000
_INVOICES: Final = 100_000
_SPENT: Final = 5
"""Proofs that came from each key and were spent."""
_LINES: Final = 100_000
_KINDS: Final = {
    "revenue": 20, "loss": 23, "mint_fees": 21, "rounding": 22, "donations": 24, "capital": 25,
    "payouts": 26, "unclaimed": 3, "suspense": 4, "in_flight": 5,
}  # fmt: skip
_UNCLAIMED: Final = 1 + list(_KINDS).index("unclaimed")
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
    each = max(0, transfers // keys - 2)  # one pays in, and every second pays out twice
    now = time.time_ns() // 1_000_000
    _open_accounts(raw, keys, each, now)
    _pay_in(raw, keys, now)
    _spend(raw, keys, each, now)
    _pay_out(raw, keys, now)
    _make_children(raw, keys, now)
    _invoice(raw, now)
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
        (_NODE_ACCOUNTS - 1, f"asset:sat:{MINT}", -_held(keys), now),
    )
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO accounts (id, kind, overdraft, closed, posted, held, deposited, spent,"
        " requests, created_at, last_used_at)"
        f" SELECT {_NODE_ACCOUNTS} + i, 1, 0, 0, {_DEPOSIT - each * _CHARGE} - (i % 2) * {_TOKEN},"
        f" 0, {_DEPOSIT},"
        f" {each * _CHARGE}, {each}, {now - _SPREAD_MS}, {now} FROM n"
    )
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO api_keys (account, key_hash, public_id, mint, unit, metadata, created_at,"
        " name, name_sought, revoked_at, expires_at)"
        f" SELECT {_NODE_ACCOUNTS} + i, randomblob(32), 'key_' || lower(hex(randomblob(8))),"
        f" '{MINT}', 'sat', '{{}}', {now - _SPREAD_MS} + i, iif(i % 3, 'Customer ' || i, NULL),"
        " iif(i % 3, CAST('customer ' || i AS BLOB), NULL),"
        f" iif(i % 500 = 7, {now}, NULL), iif(i % 100 = 9, {now}, NULL) FROM n"
    )
    raw.execute(
        "UPDATE api_keys SET key_hash = ?, public_id = ?, revoked_at = NULL, expires_at = NULL"
        " WHERE account = ?",
        (KEY.key_hash, KEY.public_id, _NODE_ACCOUNTS + keys // 2),
    )


def _pay_in(raw: sqlite3.Connection, keys: int, now: int) -> None:
    raw.execute(
        _COUNT_TO.format(last=keys - 1)
        + "INSERT INTO sagas (id, kind, state, purpose, account, mint, unit, gross, fee, plan,"
        " context, lease_owner, lease_epoch, created_at, ended_at)"
        f" SELECT i + 1, 1, 1, 'create', {_NODE_ACCOUNTS} + i, '{MINT}', 'sat',"
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
        " printf('%032x', i), 'vendor/model-' || (i % 40), '/v1/chat/completions', 1, 'r1', 120,"
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


def _held(keys: int) -> int:
    """The ecash of the node, msat."""
    return keys * _DEPOSIT - keys // 2 * _TOKEN


def _pay_out(raw: sqlite3.Connection, keys: int, now: int) -> None:
    numbers = _COUNT_TO.format(last=keys // 2 - 1)
    account, saga = f"{_NODE_ACCOUNTS} + 2 * i + 1", f"{keys} + i + 1"
    raw.execute(
        numbers
        + "INSERT INTO sagas (id, kind, state, purpose, account, mint, unit, gross, fee, plan,"
        " context, lease_owner, lease_epoch, created_at, ended_at)"
        f" SELECT {saga}, 2, 1, 'refund', {account}, '{MINT}', 'sat', {_TOKEN // 1_000}, 0,"
        f" x'', '{{}}', 1, 0, {now}, {now} FROM n"
    )
    raw.execute(
        numbers
        + "INSERT INTO issued_tokens (saga, account, mint, unit, amount, token, state, created_at,"
        f" claimed_at) SELECT {saga}, {account}, '{MINT}', 'sat', {_TOKEN // 1_000}, x'', 1,"
        f" {now}, {now} FROM n"
    )
    balance = raw.execute(f"SELECT posted FROM accounts WHERE id = {_NODE_ACCOUNTS + 1}").fetchone()
    for kind, letter, debit, credit, after in (
        (3, "S", account, str(_UNCLAIMED), str(balance[0])),
        (6, "K", str(_UNCLAIMED), str(_NODE_ACCOUNTS - 1), "NULL"),
    ):
        raw.execute(
            numbers
            + "INSERT INTO transfers (debit, credit, amount, kind, key, reference, balance_after,"
            f" created_at) SELECT {debit}, {credit}, {_TOKEN}, {kind},"
            f" entry_key('{letter}', {saga}), {saga}, {after}, {now} FROM n"
        )


def _make_children(raw: sqlite3.Connection, keys: int, now: int) -> None:
    numbers = _COUNT_TO.format(last=min(keys, _CHILDREN) - 1)
    raw.execute(
        numbers
        + "INSERT INTO key_limits (id, account, version, cap, reset, period, spent, forgiven, held,"
        f" total_spent, total_requests) SELECT i + 1, {_NODE_ACCOUNTS} + i, 0, 1000, 0, 0, 0, 0, 0,"
        " 0, 0 FROM n"
    )
    raw.execute(
        numbers + "INSERT INTO child_keys (parent, number, limit_id, key_hash, public_id, metadata,"
        " created_at) SELECT i + 1, 0, i + 1, randomblob(32),"
        f" 'key_' || lower(hex(randomblob(8))), '{{}}', {now} FROM n"
    )


def _invoice(raw: sqlite3.Connection, now: int) -> None:
    """Most were never paid; nothing is left to be asked for."""
    raw.execute(
        _COUNT_TO.format(last=_INVOICES - 1)
        + "INSERT INTO mint_quotes (mint, unit, amount, quote, request, payment_hash, expires_at,"
        " state, purpose, context, polls, polled_at, poll_at, created_at)"
        f" SELECT '{MINT}', 'sat', 1000, x'', 'lnbc10u1' || hex(randomblob(100)), randomblob(32),"
        f" {now}, 3, iif(i % 50, 'lightning_create', 'lightning_topup'), '{{}}', 1, {now}, {now},"
        f" {now - _SPREAD_MS} + i FROM n"
    )


def _hold_ecash(raw: sqlite3.Connection, keys: int) -> None:
    """A few proofs for all of it, and the many that were spent."""
    spent = keys * _SPENT
    raw.execute(
        "INSERT INTO keysets (id, mint, keyset_id, unit, active, input_fee_ppk, keys, counter)"
        f" VALUES (1, '{MINT}', '00ad268c4d1f5826', 'sat', 1, 0, '{{}}', {spent} + 1000)"
    )
    insert = "INSERT INTO proofs (keyset, counter, amount, c, y, status, saga) "
    raw.execute(
        _COUNT_TO.format(last=spent - 1)
        + insert
        + "SELECT 1, i, 1 << (i % 9), zeroblob(33), randomblob(33), 2, 1 FROM n"
    )
    total = _held(keys) // 1_000
    held = [1 << bit for bit in range(total.bit_length()) if total >> bit & 1]
    raw.executemany(
        insert + "VALUES (1, ?, ?, zeroblob(33), randomblob(33), 0, NULL)",
        [(spent + number, amount) for number, amount in enumerate(held)],
    )


def write_models(file: Path) -> None:
    """As many models as large providers have."""
    models = [
        {
            "id": f"vendor/model-{n}",
            "name": f"Vendor: Model {n}",
            "created": 1_700_000_000 + n,
            "description": "Reads, writes and reasons about as well as its neighbours. " * 4,
            "context_length": 128_000,
            "architecture": {
                "modality": "text->text", "input_modalities": ["text"],
                "output_modalities": ["text"], "tokenizer": "Other", "instruct_type": None,
            },
            "pricing": {"prompt": f"0.0000{n + 1:04}", "completion": f"0.000{n + 1:04}"},
            "top_provider": {"context_length": 128_000, "max_completion_tokens": 8_192},
        }
        for n in range(MODELS)
    ]  # fmt: skip
    file.write_text(json.dumps({"data": models}))


def write_log(folder: Path, book: Path) -> tuple[str, int]:
    """Write the log of a late day, and tell a request in it: its id, and when it ended, seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as raw:
        request, at = raw.execute(
            "SELECT request_id, ended_at FROM holds"
            " WHERE id = (SELECT max(id) * 99 / 100 FROM holds)"
        ).fetchone()
    day = time.strftime("%Y-%m-%d", time.gmtime(at / 1_000))
    lines = []
    for n in range(_LINES):
        moment = at + n - _LINES // 2
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1_000))
        line = {
            "timestamp": f"{stamp}.{moment % 1_000:03d}Z", "level": "info",
            "event": "api_request", "logger": "routstr.access",
            "request_id": request if moment == at else f"{n:032x}",
            "endpoint": "/v1/chat/completions", "status": 200, "duration_ms": 12.5,
            "method": "POST", "response_bytes": 735, "model": "vendor/model-1",
        }  # fmt: skip
        lines.append(json.dumps(line, separators=(",", ":")))
    (folder / f"app_{day}.log").write_text("\n".join(lines) + "\n")
    return request, at // 1_000
