"""Whatever a running node asks of its database is found by indexes, however large the books are.

A node serves each kind of paid request once; every statement that reaches the database meanwhile is
caught, by the drivers and not by a list that somebody keeps, and explained afterwards.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple, cast

import psycopg
import pytest
from sqlalchemy import Engine, event

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.upstream import refuse
from routstr.core.db import Backend, Dialect, Tx, open_backend
from routstr.core.db.database import driver
from routstr.core.db.pipe import Pipe
from routstr.core.db.sqlite import database_path
from tests.integration.bounds.inner import open_inner
from tests.integration.bounds.test_plans import STATISTICS, scanned
from tests.integration.money.house import EXACT, EXACT_LIMIT, House

pytestmark = pytest.mark.mint


class Asked(NamedTuple):
    """The parameters of one call of a statement, and the module that asked."""

    parameters: Any
    by: str


Heard = dict[str, Asked]
BY_DESIGN: Final = frozenset(
    {
        *("routstr.ledger.verify", "routstr.ledger.verify_limits", "routstr.payment.audit"),
        *("routstr.payment.leaving_audit", "routstr.payment.wallet_audit"),
    }
)
"""Who adds everything up: at the start and on a timer, beside requests and never for one."""
PAGED: Final = frozenset({"routstr.auth.invoice_repository"})
"""Reads a page of old rows from where it stopped; in a small database PostgreSQL reads them all."""

EXPLAINED: Final = ("SELECT", "UPDATE", "DELETE", "WITH")


def asked(parameters: Any = ()) -> Asked:
    """Called by the drivers' hooks: who asks is further up the stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("routstr.") and not name.startswith("routstr.core.db"):
            return Asked(parameters, name)
        frame = frame.f_back
    return Asked(parameters, "")


class Ear(psycopg.Cursor[Any]):
    """A cursor of PostgreSQL's driver that tells what it is given."""

    heard: Heard

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        self.heard.setdefault(str(query), asked(params))
        return super().execute(query, params, **more)

    def executemany(self, query: Any, params_seq: Any, **more: Any) -> None:
        rows = list(params_seq)
        self.heard.setdefault(str(query), asked(rows[0] if rows else None))
        super().executemany(query, rows, **more)


def _overhear(pipe: Pipe, heard: Heard) -> None:
    """Tell what goes past the cursors, too."""
    add = pipe.add

    def told(statement: str, *values: bytes | None) -> None:
        plain = [None if value is None else value.decode() for value in values]
        heard.setdefault(statement, asked(plain))
        add(statement, *values)

    pipe.add = told  # type: ignore[method-assign]


class Overheard:
    """Passes everything on to the real backend; its driver tells every statement."""

    def __init__(self, inner: Backend, heard: Heard) -> None:
        self.dialect = inner.dialect
        self._inner = inner
        self._heard = heard

    def open(self) -> Tx:
        tx = self._inner.open()
        if self.dialect is Dialect.SQLITE:
            tx.raw.set_trace_callback(lambda text: self._heard.setdefault(text, asked()))
        else:
            tx.raw.cursor_factory = type("Ear", (Ear,), {"heard": self._heard})
            _overhear(tx.raw.pipe, self._heard)
        return tx

    def near(self) -> "Overheard | None":
        inner = self._inner.near()
        return None if inner is None else Overheard(inner, self._heard)

    def stepped(self) -> "Overheard | None":
        inner = self._inner.stepped()
        return None if inner is None else Overheard(inner, self._heard)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def readers_overheard(heard: Heard) -> Iterator[None]:
    def hear(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        heard.setdefault(statement, asked(parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


async def use(house: House, payer: Payer) -> None:
    """Each kind of paid request, and what keys are for."""
    client = house.client
    limit: dict[str, Any] = {"model": EXACT, "max_tokens": EXACT_LIMIT}
    key = await client.new_key(await payer.token(200))
    assert (await client.chat(key, **limit)).status == 200
    assert (await client.chat(key, **limit, stream=True)).status == 200
    for answered in (200, 409):
        once = await client.call(
            "POST", "/v1/chat/completions", key=key, headers={"Idempotency-Key": "one"},
            json={"messages": [{"role": "user", "content": "?"}], **limit},
        )  # fmt: skip
        assert once.status == answered
    house.upstream.next(refuse(500))
    assert (await client.chat(key, **limit)).status >= 500
    child = await client.call("POST", "/v1/balance/child-key", key=key, json={"count": 1})
    assert child.status == 200, child.body
    assert (await client.chat(child.json["api_keys"][0], **limit)).status == 200
    assert (await client.topup(key, await payer.token(50))).status == 200
    token = await payer.token(64)
    assert (await client.pay(token, **limit)).status == 200
    assert (await client.claim(token)).status == 200
    assert (await client.info(key)).status == 200
    assert (await client.refund(key)).status == 200


def _given(parameters: Any) -> Any:
    return tuple(parameters or ()) if not isinstance(parameters, dict) else parameters


def walks(url: str, heard: Heard) -> dict[str, tuple[str, set[str]]]:
    """The statements that read through a large table: who asks, and which."""
    if url.startswith("sqlite"):
        with sqlite3.connect(database_path(url)) as raw:  # as if the books were large
            raw.execute("ANALYZE")
            raw.execute("DELETE FROM sqlite_stat1")
            rows = [*STATISTICS, ("doubted_proofs", None, "10")]
            raw.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", rows)
    found = {}
    paged = frozenset[str]() if url.startswith("sqlite") else PAGED
    with driver(url).engine(url, read_only=False).connect() as connection:
        connection.exec_driver_sql("BEGIN")
        if connection.dialect.name == "postgresql":
            for way in ("seqscan", "bitmapscan", "mergejoin", "hashjoin"):
                connection.exec_driver_sql(f"SET enable_{way} = off")
        for statement, one in heard.items():
            # a new parent makes SQLite look for children only while a constraint is broken
            if statement.lstrip().startswith(EXPLAINED) and one.by not in BY_DESIGN | paged:
                found[statement] = (one.by, scanned(connection, statement, _given(one.parameters)))
        connection.exec_driver_sql("ROLLBACK")
    return {statement: (by, seen) for statement, (by, seen) in found.items() if seen}


async def test_a_running_node_walks_through_no_large_table(
    url: str, mint: Mint, payer: Payer, tmp_path: Path
) -> None:
    heard: Heard = {}
    backend = cast("Backend", Overheard(open_backend(url), heard))
    with readers_overheard(heard):
        async with open_inner(tmp_path, url, mint.url, backend=backend) as house:
            await use(house, payer)
    assert len(heard) > 100
    assert {one.by for one in heard.values()} >= {
        "routstr.ledger.batch_postgres"
    } or "sqlite" in url
    found = walks(url, heard)
    assert found == {}
