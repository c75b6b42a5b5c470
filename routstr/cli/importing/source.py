"""Reading a Routstr Core database: two tables and their documented columns, and nothing else.

``api_keys``: ``hashed_key``, which is a client's key without its ``sk-``; ``balance`` in msat;
``total_spent``; ``parent_key_hash`` of a child key; ``balance_limit``, ``balance_limit_reset``,
``validity_date`` and ``key_expiry_time`` (Unix seconds), ``refund_address``.
``upstream_providers``: ``slug``, ``provider_type``, ``base_url``, ``api_key``, ``enabled``,
``provider_fee``. Older databases have fewer of them: only the first two must be there.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from routstr.auth.terms import SECONDS_MAX
from routstr.core.secret import Secret
from routstr.money import MAX_MSAT

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")
_NEEDED: Final = ("hashed_key", "balance")
_KEY_COLUMNS: Final = (
    *_NEEDED,
    "total_spent",
    "parent_key_hash",
    "balance_limit",
    "balance_limit_reset",
    "validity_date",
    "key_expiry_time",
    "refund_address",
)
_PROVIDER_COLUMNS: Final = (
    "slug", "provider_type", "base_url", "api_key", "enabled", "provider_fee",
)  # fmt: skip


class NoSource(ValueError):
    """The file is no such database; the message says why."""


class OldKey(Struct, frozen=True, kw_only=True):
    """A key as it was: ``secret`` is the text after ``sk-``. Amounts in msat, times in seconds."""

    secret: str
    balance: int
    spent: int = 0
    parent: str = ""
    limit: int | None = None
    reset: str | None = None
    expires_at: int | None = None
    refund_address: str | None = None

    @property
    def key(self) -> str:
        """What the client sends."""
        return f"sk-{self.secret}"

    def __repr__(self) -> str:
        return f"OldKey({self.secret[:4]}..., {self.balance})"


class OldProvider(Struct, frozen=True, kw_only=True):
    """A provider as it was."""

    slug: str
    kind: str
    base_url: str
    key: Secret
    enabled: bool
    fee: str | None


class Source(Struct, frozen=True):
    """What a database holds; ``left_out`` names rows that are not as documented."""

    keys: list[OldKey]
    providers: list[OldProvider]
    left_out: list[str]


def read(file: Path) -> Source:
    """Read it, without changing anything in it. Raises :class:`NoSource`."""
    if not file.exists():
        raise NoSource(f"there is no file {file}")
    uri = f"{file.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            return _read(connection)
    except sqlite3.Error as error:
        raise NoSource(f"it cannot be read: {error}") from None


def _read(connection: sqlite3.Connection) -> Source:
    there = _columns(connection, "api_keys")
    if not there.issuperset(_NEEDED):
        raise NoSource("it has no table api_keys with hashed_key and balance")
    keys: list[OldKey] = []
    left_out: list[str] = []
    for number, row in enumerate(_rows(connection, "api_keys", _KEY_COLUMNS), 1):
        try:
            keys.append(_key(row))
        except ValueError as error:
            left_out.append(f"key {number}: {error}")
    providers = [
        _provider(row) for row in _rows(connection, "upstream_providers", _PROVIDER_COLUMNS)
    ]
    usable = [one for one in providers if one is not None]
    if len(usable) < len(providers):
        left_out.append(f"{len(providers) - len(usable)} providers without type or address")
    return Source(keys, usable, left_out)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}


def _rows(
    connection: sqlite3.Connection, table: str, wanted: tuple[str, ...]
) -> Iterator[Mapping[str, Any]]:
    there = _columns(connection, table)
    named = [name for name in wanted if name in there]
    if not named:
        return
    for row in connection.execute(f"SELECT {', '.join(named)} FROM {table}"):  # noqa: S608 - our names
        yield {name: row[name] for name in named}


def _key(row: Mapping[str, Any]) -> OldKey:
    secret = str(row["hashed_key"] or "").removeprefix("sk-")
    if not _KEY.fullmatch(secret):
        raise ValueError("hashed_key is no key")
    ends = [one for one in (_moment(row, "validity_date"), _moment(row, "key_expiry_time")) if one]
    return OldKey(
        secret=secret,
        balance=max(0, _whole(row, "balance") or 0),
        spent=max(0, _whole(row, "total_spent") or 0),
        parent=str(row.get("parent_key_hash") or "").removeprefix("sk-"),
        limit=_whole(row, "balance_limit"),
        reset=str(row["balance_limit_reset"]) if row.get("balance_limit_reset") else None,
        expires_at=min(ends, default=None),
        refund_address=str(row["refund_address"]) if row.get("refund_address") else None,
    )


def _whole(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if type(value) is not int or not -MAX_MSAT <= value <= MAX_MSAT:
        raise ValueError(f"{name} is no whole number")
    return value


def _moment(row: Mapping[str, Any], name: str) -> int | None:
    value = _whole(row, name)
    if value is not None and not 0 <= value <= SECONDS_MAX:
        raise ValueError(f"{name} is no Unix time in seconds")
    return value


def _provider(row: Mapping[str, Any]) -> OldProvider | None:
    kind, url = str(row.get("provider_type") or ""), str(row.get("base_url") or "")
    if not kind or not url:
        return None
    fee = row.get("provider_fee")
    return OldProvider(
        slug=str(row.get("slug") or kind),
        kind=kind,
        base_url=url,
        key=Secret(str(row.get("api_key") or "")),
        enabled=bool(row.get("enabled", True)),
        fee=None if fee is None else str(fee),
    )
