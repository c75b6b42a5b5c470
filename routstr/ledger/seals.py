"""A chain of seals over the transfers, so that nobody changes the past unseen.

Each seal is the SHA-256 of the transfers behind the seal before it, and of that seal's digest. It
is made when they have long been committed, never on a request's way, and only up to an id below
which no transfer can appear any more (:mod:`routstr.ledger.horizon`). There is one chain for all
instances on a database: whoever is first with the next number has made it.

A chain could be made anew by whoever can write to the database. So each seal has a proof by a key
that is not there, and the newest one is signed in public (:mod:`routstr.payment.receipts`).
``docs/event-log.md`` says what is hashed, byte by byte.
"""

import hmac
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, text

from routstr.core.db import Dialect, Tx

PURPOSE: Final = "seals"
"""Of the node's subkey that proves them."""
GENESIS: Final = bytes(32)
"""What stands for the digest before the first seal."""
_HEAD: Final = "routstr seal v1"
_NUMBER_BYTES: Final = 8
LINE: Final = {
    "sqlite": "printf('%s,%s,%s,%s,%s,%s,%s,%s,%s', id, debit, credit, amount, kind,"
    " lower(hex(key)), reference, balance_after, created_at)",
    "postgresql": "format('%s,%s,%s,%s,%s,%s,%s,%s,%s', id, debit, credit, amount, kind,"
    " encode(key, 'hex'), reference, balance_after, created_at)",
}
"""How each database writes a transfer, as it is hashed. What is NULL is empty in both."""
_LINES: Final = {
    dialect: f"SELECT id, {line} FROM transfers"  # noqa: S608 - constants
    " WHERE id > :after AND id <= :upto ORDER BY id LIMIT :rows"
    for dialect, line in LINE.items()
}


_NEXT: Final = """
SELECT count(*), max(id) FROM (
  SELECT id FROM transfers WHERE id > :after AND id <= :upto ORDER BY id LIMIT :rows
) covered
"""
_READ_ROWS: Final = 500
_INSERT: Final = """
INSERT INTO seals (number, instance, upto, transfers, digest, proof, created_at)
SELECT :number, :instance, :upto, :transfers, :digest, :proof, :created_at
WHERE (SELECT coalesce(max(number), 0) FROM seals) = :before
ON CONFLICT DO NOTHING RETURNING number
"""
_FORGET: Final = "DELETE FROM seals WHERE number > (SELECT coalesce(max(seal), 0) FROM archives)"
_ALONE: Final = "LOCK TABLE seals IN EXCLUSIVE MODE"


class Sealed(Struct, frozen=True):
    """A seal. ``upto`` is the id of the last transfer that it covers."""

    number: int = 0
    upto: int = 0
    transfers: int = 0
    digest: bytes = GENESIS
    proof: bytes = b""
    created_at: int = 0
    """In ms since 1970."""


def last(connection: Connection) -> Sealed:
    """Return the newest seal; without one, what the first will follow."""
    return _first(connection, "WHERE number = (SELECT max(number) FROM seals)") or Sealed()


def numbered(connection: Connection, number: int) -> Sealed | None:
    """Return the seal of that number, if it is there."""
    return _first(connection, "WHERE number = :number", number=number)


def covering(connection: Connection, transfer: int) -> Sealed | None:
    """Return the seal that covers a transfer; None: it is not sealed yet."""
    return _first(connection, "WHERE upto >= :id ORDER BY upto LIMIT 1", id=transfer)


def behind(connection: Connection, number: int, rows: int) -> list[Sealed]:
    """List the seals behind a number, at most ``rows``."""
    query = "WHERE number > :number ORDER BY number LIMIT :rows"
    return [_sealed(row) for row in _found(connection, query, number=number, rows=rows)]


def lines(
    connection: Connection, after: int, upto: int, rows: int = (1 << 63) - 1
) -> Sequence[tuple[int, str]]:
    """Write transfers as they are hashed, in the order of their ids, each with its id."""
    return list(read(connection, after, upto, rows))


def read(
    connection: Connection, after: int, upto: int, rows: int = (1 << 63) - 1
) -> Iterator[tuple[int, str]]:
    """The same, a few at a time: however many there are, memory is not what they take."""
    found = connection.execute(text(_LINES[connection.dialect.name]), _range(after, upto, rows))
    cursor = found.cursor  # plain tuples as the driver has them: a node writes many transfers
    while cursor is not None and (some := cursor.fetchmany(_READ_ROWS)):
        yield from some


def draft(connection: Connection, horizon: int, rows: int) -> Sealed | None:
    """Work out the next seal: the next ``rows`` transfers, none above ``horizon``."""
    before = last(connection)
    if horizon <= before.upto:
        return None
    count, upto = connection.execute(text(_NEXT), _range(before.upto, horizon, rows)).one()
    if not count:
        return None
    number = before.number + 1
    digest = Digest(number, before.digest, upto, count)
    for _, line in read(connection, before.upto, upto):
        digest.add(line)
    return Sealed(number, upto, count, digest.done())


class Digest:
    """Hashes one seal's transfers, as they are read, and the digest of the seal before it."""

    __slots__ = ("_hash", "_lines")

    def __init__(self, number: int, previous: bytes, upto: int, count: int) -> None:
        """``count``: how many lines there will be."""
        self._hash: Final = sha256()
        self._lines = [f"{_HEAD},{number},{previous.hex()},{upto},{count}"]

    def add(self, line: str) -> None:
        """The next transfer."""
        self._lines.append(line)
        if len(self._lines) >= _READ_ROWS:
            self._write()

    def done(self) -> bytes:
        """The digest."""
        self._write()
        return self._hash.digest()

    def _write(self) -> None:
        self._hash.update("\n".join([*self._lines, ""]).encode())
        self._lines.clear()


def digest_of(number: int, previous: bytes, upto: int, rows: Sequence[str]) -> bytes:
    """Hash one seal's transfers and the digest of the seal before it."""
    digest = Digest(number, previous, upto, len(rows))
    for row in rows:
        digest.add(row)
    return digest.done()


def _range(after: int, upto: int, rows: int) -> dict[str, int]:
    return {"after": after, "upto": upto, "rows": rows}


def proof_of(key: bytes, number: int, digest: bytes) -> bytes:
    """Prove that a seal was made by whoever has the key: HMAC-SHA256 of number and digest."""
    return hmac.digest(key, number.to_bytes(_NUMBER_BYTES, "big") + digest, "sha256")


def store(tx: Tx, seal: Sealed, *, instance: int, key: bytes, at: int) -> bool:
    """Store a seal; false when the one before it is not the newest, or was not, meanwhile."""
    values = {
        "number": seal.number,
        "before": seal.number - 1,
        "instance": instance,
        "upto": seal.upto,
        "transfers": seal.transfers,
        "digest": seal.digest,
        "proof": proof_of(key, seal.number, seal.digest),
        "created_at": at,
    }
    return tx.sql.execute(text(_INSERT), values).first() is not None


def forget(tx: Tx) -> None:
    """Drop the chain; the next seal is the first again, whoever is making one now.

    What archives end with stays: the rows before it are in their files, with their seals.
    """
    if tx.dialect is Dialect.POSTGRESQL:
        tx.sql.execute(text(_ALONE))
    tx.sql.execute(text(_FORGET))


def _first(connection: Connection, condition: str, **values: int) -> Sealed | None:
    return next((_sealed(row) for row in _found(connection, condition, **values)), None)


def _found(connection: Connection, condition: str, **values: int) -> Sequence[Row[Any]]:
    query = f"SELECT number, upto, transfers, digest, proof, created_at FROM seals {condition}"  # noqa: S608 - constants of this module
    return connection.execute(text(query), values).all()


def _sealed(row: Row[Any]) -> Sealed:
    number, upto, transfers, digest, proof, created_at = tuple(row)
    return Sealed(number, upto, transfers, bytes(digest), bytes(proof), created_at)
