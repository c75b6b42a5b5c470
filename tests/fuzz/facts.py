"""What the database says, read by a connection of its own while no node does anything."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from routstr.money import Unit
from routstr.wallet.models import ProofStatus, QuoteState, SagaKind, SagaState
from routstr.wallet.purse import sums
from tests.fuzz.records import BEARER, Account, End, Hold, Limit, Reset, Ys

_ENDS: Final = (End.OPEN, End.SETTLED, End.RELEASED, End.EXPIRED, End.LATE)  # as they are stored
_UNCLAIMED, _IN_FLIGHT, _TRANSIT = 3, 5, 11  # accounts' kinds, as stored
_REVENUE, _MINT_FEES, _LOSS, _DONATIONS, _PAYOUTS = 20, 21, 23, 24, 26
_SUMMED: Final = (
    *(_UNCLAIMED, _IN_FLIGHT, _TRANSIT),
    *(_REVENUE, _LOSS, _PAYOUTS, _MINT_FEES, _DONATIONS),
)
_RESETS: Final = tuple(Reset)  # as they are stored
_CUSTOMERS: Final = (1, 2)
_ACCOUNTS: Final = (
    "SELECT a.id, kind, posted, held, deposited, closed, expires_at, refund_address, generation"
    " FROM accounts a LEFT JOIN api_keys k ON k.account = a.id"
    f" WHERE kind IN {(*_CUSTOMERS, *_SUMMED)}"
)
_HOLDS: Final = (
    "SELECT id, account, amount, state, charged, uncollected, request_id, owner, limit_id,"
    " limit_period FROM holds"
)
_LIMITS: Final = (
    "SELECT l.id, l.account, cap, reset, period, spent - forgiven, held, total_spent, revoked_at,"
    " public_id, made_by FROM key_limits l JOIN child_keys c ON c.limit_id = l.id"
)
_SAGAS: Final = (
    "SELECT id, kind, state, purpose, account, mint, unit, gross, fee, lease_owner, spent,"
    " context FROM sagas"
)
_PAID: Final = "SELECT saga, id FROM mint_quotes"
_REQUESTS: Final = "SELECT id, request FROM mint_quotes"
_CLAIMS: Final = "SELECT saga, y FROM claimed_y"
_CLAIMED: Final = "SELECT saga FROM issued_tokens"
_OWN_PROOFS: Final = (
    "SELECT k.mint, p.y FROM proofs p JOIN keysets k ON k.id = p.keyset WHERE p.status IN (0, 1)"
)
_ISSUERS: Final = "SELECT saga FROM proofs"
_SILENCE: Final = "UPDATE instances SET seen_at = 0"


@dataclass(frozen=True, slots=True)
class HoldFact:
    """A hold's row."""

    hold: Hold
    request: str
    owner: int


@dataclass(frozen=True, slots=True)
class ChildFact:
    """A child key's row and its limit's; ``made_by`` names the call that made it."""

    limit: Limit
    public_id: str
    made_by: bytes


@dataclass(frozen=True, slots=True)
class SagaFact:
    """A saga's row; ``ys`` are the proofs that it claims, of a token that comes in."""

    kind: SagaKind
    state: SagaState
    purpose: str
    account: int | None
    mint: str
    unit: Unit
    gross: int
    fee: int
    owner: int
    spent: int
    context: str
    ys: Ys
    """For what a mint issued for an invoice: the invoice."""
    request: str
    """What a foreign mint's token pays, as mints know it."""

    @property
    def net(self) -> int:
        return int(self.unit.to_msat(self.gross - self.fee))

    @property
    def invoice(self) -> Ys:
        """What stands for the invoice that a foreign mint's token pays."""
        return frozenset({invoice_name(_quote(self.context))})


@dataclass(frozen=True, slots=True)
class Facts:
    """The books, and of holds and sagas those that are new or were open before."""

    accounts: dict[int, Account]
    unclaimed: int
    in_flight: int
    transit: int
    revenue: int
    loss: int
    payouts: int
    mint_fees: int
    donations: int
    children: dict[int, ChildFact]
    """By their limits."""
    holds: dict[int, HoldFact]
    sagas: dict[int, SagaFact]
    claimed: frozenset[int]


class Observer:
    """Reads at every step, so past SQLAlchemy; its only write silences an instance."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self._connection = self._engine.connect()
        self._driver: Any = self._connection.connection.driver_connection
        self._last_hold = 0
        self._last_saga = 0

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def look(self, holds: Iterable[int], sagas: Iterable[int], issued: Collection[int]) -> Facts:
        """Read everything, and of ``holds``, ``sagas`` and ``issued`` tokens how they stand."""
        accounts: dict[int, Account] = {}
        sums_of = dict.fromkeys(_SUMMED, 0)
        for id_, kind, posted, held, deposited, closed, *terms in self._rows(_ACCOUNTS):
            if kind in sums_of:
                sums_of[kind] += posted
            else:
                expires_at, address, generation = terms
                it = Account(
                    *(posted, held, deposited, bool(closed)), expires_at, address, generation or 0
                )
                accounts[id_] = it
        claimed = f"{_CLAIMED} WHERE state = 1 AND {_among('saga', issued)}"
        return Facts(
            accounts=accounts,
            unclaimed=sums_of[_UNCLAIMED],
            in_flight=sums_of[_IN_FLIGHT],
            transit=sums_of[_TRANSIT],
            revenue=sums_of[_REVENUE],
            loss=-sums_of[_LOSS],
            payouts=-sums_of[_PAYOUTS],
            mint_fees=-sums_of[_MINT_FEES],
            donations=sums_of[_DONATIONS],
            children=self._children(),
            holds=self._holds(holds),
            sagas=self._sagas(sagas),
            claimed=frozenset(row[0] for row in self._rows(claimed)) if issued else frozenset(),
        )

    def silence(self, instance: int) -> None:
        """Let an instance seem gone: it has not been seen for very long."""
        self._driver.execute(f"{_SILENCE} WHERE id = {int(instance)}")

    def proofs(self) -> dict[tuple[str, Unit], int]:
        """What the wallet has or has given out, by mint and unit."""
        found: dict[tuple[str, Unit], int] = {}
        for mint, unit, _, amount in sums(self._connection):
            found[mint, unit] = found.get((mint, unit), 0) + amount
        return found

    def payable(self) -> dict[tuple[str, Unit], int]:
        """What the wallet could spend, by mint and unit."""
        return {
            (mint, unit): amount
            for mint, unit, status, amount in sums(self._connection)
            if status is ProofStatus.UNSPENT
        }

    def own_proofs(self) -> list[tuple[str, bytes]]:
        """Mint and point of each proof that the wallet believes it can spend."""
        return [(row[0], bytes(row[1])) for row in self._rows(_OWN_PROOFS)]

    def given_up(self) -> list[int]:
        """Invoices that nobody asks about any more."""
        state = int(QuoteState.EXPIRED)
        return [row[0] for row in self._rows(f"SELECT id FROM mint_quotes WHERE state = {state}")]

    def issuer(self, y: bytes) -> int | None:
        """The saga that gave a proof away."""
        rows = self._rows(f"{_ISSUERS} WHERE y = {self._literal(y)}")
        return rows[0][0] if rows else None

    def account_of(self, saga: int) -> int:
        """Whose money a saga gave away."""
        return self._rows(f"SELECT account FROM sagas WHERE id = {int(saga)}")[0][0] or BEARER

    def _literal(self, value: bytes) -> str:
        on_sqlite = self._engine.dialect.name == "sqlite"
        return f"x'{value.hex()}'" if on_sqlite else f"'\\x{value.hex()}'::bytea"

    def _rows(self, query: str) -> Any:
        return self._driver.execute(query).fetchall()

    def _holds(self, known: Iterable[int]) -> dict[int, HoldFact]:
        rows = self._rows(f"{_HOLDS} WHERE id > {self._last_hold} OR {_among('id', known)}")
        found = {
            row[0]: HoldFact(
                Hold(row[1], row[2], _ENDS[row[3]], row[4], row[5], row[8], row[9] or 0),
                *row[6:8],
            )
            for row in rows
        }
        self._last_hold = max((self._last_hold, *found))
        return found

    def _children(self) -> dict[int, ChildFact]:
        found = {}
        for row in self._rows(_LIMITS):
            account, cap, reset, period, counted, held, total, revoked_at = row[1:9]
            limit = Limit(
                *(account, cap, _RESETS[reset], period, counted, held, total),
                revoked_at is not None,
            )
            found[row[0]] = ChildFact(limit, row[9], bytes(row[10] or b""))
        return found

    def _sagas(self, known: Iterable[int]) -> dict[int, SagaFact]:
        rows = self._rows(f"{_SAGAS} WHERE id > {self._last_saga} OR {_among('id', known)}")
        if not rows:
            return {}
        ids = [row[0] for row in rows]
        self._last_saga = max(self._last_saga, *ids)
        claims: dict[int, set[bytes]] = {}
        for saga, y in self._rows(f"{_CLAIMS} WHERE {_among('saga', ids)}"):
            claims.setdefault(saga, set()).add(bytes(y))
        if any(row[1] == SagaKind.MINT for row in rows):
            for saga, quote in self._rows(f"{_PAID} WHERE {_among('saga', ids)}"):
                claims.setdefault(saga, set()).add(invoice_name(quote))
        requests = self._requests(rows)
        return {
            row[0]: _saga(row, frozenset(claims.get(row[0], ())), requests.get(row[0], ""))
            for row in rows
        }

    def _requests(self, sagas: Any) -> dict[int, str]:
        """By the sagas whose tokens should pay."""
        passing = {row[0]: _quote(row[-1]) for row in sagas if row[1] == SagaKind.FORWARD}
        if not passing:
            return {}
        found = dict(self._rows(f"{_REQUESTS} WHERE {_among('id', passing.values())}"))
        return {saga: found[quote] for saga, quote in passing.items()}


def _among(column: str, ids: Iterable[int]) -> str:
    return f"{column} IN ({','.join(map(str, (0, *ids)))})"  # 0 is nobody's id


def _saga(row: Any, ys: Ys, request: str) -> SagaFact:
    _, kind, state, purpose, account, mint, unit, gross, fee, owner, spent, context = row
    return SagaFact(
        SagaKind(kind),
        SagaState(state),
        purpose,
        account,
        mint,
        Unit(unit),
        gross,
        fee,
        owner,
        spent or 0,
        context,
        ys,
        request,
    )


def _quote(context: str) -> int:
    return int(json.loads(context)["quote"])


def invoice_name(quote: int) -> bytes:
    """What stands for an invoice where a token's proofs stand for it."""
    return b"invoice %d" % quote
