"""Verifying the money as a whole: the ledger with itself, and the ledger with the wallet."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, text

from routstr.ledger import archives, recent, seal_check, verdict, verify
from routstr.ledger.accounts import asset_name
from routstr.ledger.checkpoint import Checkpoint
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.ledger.verify import Check
from routstr.money import MSAT_PER_SAT
from routstr.payment import leaving_audit, transit_audit, wallet_audit
from routstr.payment.capital import CAPITAL_LETTERS
from routstr.payment.deposits import (
    DEPOSIT_LETTERS,
    FOREIGN_CREATE,
    FOREIGN_TOPUP,
    LIGHTNING_CREATE,
    LIGHTNING_TOPUP,
)
from routstr.wallet.holdings import Holding, holdings
from routstr.wallet.models import IssuedState, SagaKind, SagaState

_MSAT = f"CASE unit WHEN 'sat' THEN {MSAT_PER_SAT} ELSE 1 END"
_OWED_AS_TOKENS = f"""
SELECT (SELECT coalesce(sum(amount * {_MSAT}), 0) FROM issued_tokens
        WHERE state = {int(IssuedState.UNCLAIMED)})
     + (SELECT coalesce(sum(gross * {_MSAT}), 0) FROM sagas
        WHERE state = {int(SagaState.OPEN)} AND kind = {int(SagaKind.SEND)})
"""  # noqa: S608 - constants of this program
_BRINGS = f"""(kind = {int(SagaKind.RECEIVE)} OR (kind = {int(SagaKind.MINT)} AND purpose IN
  ('{LIGHTNING_CREATE}', '{LIGHTNING_TOPUP}', '{FOREIGN_CREATE}', '{FOREIGN_TOPUP}')))"""
"""What somebody is credited for."""
_CREDITS = f"kind IN ({int(TransferKind.DEPOSIT)}, {int(TransferKind.CAPITAL)})"
_CREDITED_TWICE = f"""
SELECT reference, count(*) FROM transfers WHERE {_CREDITS}
GROUP BY reference HAVING count(*) > 1
UNION ALL
SELECT id, 0 FROM sagas WHERE {_BRINGS} AND state = {int(SagaState.DONE)}
  AND id NOT IN (SELECT reference FROM transfers WHERE {_CREDITS})
"""  # noqa: S608
_CREDITED_FOR_NOTHING = f"""
SELECT t.id, t.reference FROM transfers t LEFT JOIN sagas s ON s.id = t.reference
WHERE t.{_CREDITS} AND (s.state IS NULL OR s.state <> {int(SagaState.DONE)})
"""  # noqa: S608
_CREDITED_TWICE_SINCE = f"""
SELECT reference, count(*) FROM transfers WHERE id > :after AND {_CREDITS}
GROUP BY reference HAVING count(*) > 1
UNION ALL
SELECT id, 0 FROM sagas WHERE (id > :sagas OR id IN :pending)
  AND {_BRINGS} AND state = {int(SagaState.DONE)}
  AND id NOT IN (SELECT reference FROM transfers WHERE id > :after AND {_CREDITS})
"""  # noqa: S608
_CREDITED_FOR_NOTHING_SINCE = _CREDITED_FOR_NOTHING + " AND t.id > :after"
ONCE: Final = "every redeemed token and paid invoice was credited exactly once"
BACKED: Final = "every deposit belongs to a finished saga"
_KEYS: Final = {
    TransferKind.DEPOSIT: DEPOSIT_LETTERS,
    TransferKind.CAPITAL: CAPITAL_LETTERS,
    **leaving_audit.KEYS,
}


class Audit(Struct, frozen=True):
    """The outcome of a verification. Amounts are msat."""

    checks: list[Check]
    holdings: list[Holding]
    owed: int
    assets: int
    full: bool = True
    """Whether everything was recomputed, and not only what is new since the last proof."""

    @property
    def holds(self) -> bool:
        """Whether every equation holds."""
        return all(check.holds for check in self.checks)


def audit(connection: Connection, seal_key: bytes | None = None) -> Audit:
    """Verify everything on one snapshot of the database.

    Whatever a continued verification can find is found here as well. ``seal_key`` as for
    :func:`routstr.ledger.seal_check.check_seals`.
    """
    last = verdict.read(connection).checkpoint
    checks = [
        *verify.check_books(connection),
        _deposits(connection),
        _credits(connection),
        leaving_audit.check_paid(connection),
        seal_check.check_seals(connection, seal_key),
        _archives(connection, seal_key),
    ]
    if last is not None:
        checks += [*_since(connection, last, seal_key), recent.check_past(connection, last)]
    return _audit(connection, checks, full=True)


def audit_recent(connection: Connection, seal_key: bytes | None = None) -> Audit:
    """Continue the last proof, on one snapshot of the database; without one, verify everything."""
    last = verdict.read(connection).checkpoint
    if last is None:
        return audit(connection, seal_key)
    checks = [*verify.check_standing(connection), *_since(connection, last, seal_key)]
    return _audit(connection, checks, full=False)


def _audit(connection: Connection, checks: list[Check], *, full: bool) -> Audit:
    """Add what the wallet has, which is counted each time."""
    held = holdings(connection)
    assets: dict[str, int] = {}
    for holding in held:
        amount = holding.liquid + holding.reserved + holding.issued
        name = asset_name(holding.mint, holding.unit.value)
        assets[name] = int(holding.unit.to_msat(amount))
    everything = [
        *checks,
        *verify.check_assets(connection, assets),
        _tokens(connection),
        *wallet_audit.check_wallet(connection, full=full),
        leaving_audit.check_flight(connection),
        transit_audit.check_transit(connection),
    ]
    owed = verify.liabilities(connection)
    return Audit(verify.merged(everything), held, owed, sum(assets.values()), full)


def _since(connection: Connection, last: Checkpoint, seal_key: bytes | None) -> list[Check]:
    """Verify what is new since a checkpoint."""
    sagas = {"after": last.transfers, "sagas": last.sagas.upto, "pending": last.sagas.open_ids}
    twice = text(_CREDITED_TWICE_SINCE).bindparams(bindparam("pending", expanding=True))
    nothing = text(_CREDITED_FOR_NOTHING_SINCE)
    return [
        *recent.check_recent(connection, last),
        Check(verify.KEYS, recent.strange_keys(connection, last, _KEYS)),
        Check(ONCE, _credits_of(connection.execute(twice, sagas))),
        Check(BACKED, _unbacked(connection.execute(nothing, {"after": last.transfers}))),
        leaving_audit.check_paid(connection, last),
        seal_check.check_seals(connection, seal_key, last.seal),
    ]


def _archives(connection: Connection, seal_key: bytes | None) -> Check:
    if archives.last(connection) is None:
        return Check(archives.ARCHIVED, ())
    from routstr.payment.archive.audit import check_archives  # noqa: PLC0415 - most nodes have none

    return check_archives(connection, seal_key)


def _tokens(connection: Connection) -> Check:
    """Tokens given out and refunds under way are what the unclaimed account owes."""
    issued = int(connection.execute(text(_OWED_AS_TOKENS)).scalar_one())
    booked = int(
        connection.execute(
            text("SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = :kind"),
            {"kind": int(AccountKind.UNCLAIMED)},
        ).scalar_one()
    )
    wrong = () if issued == booked else (f"{booked} msat in the books, {issued} msat in tokens",)
    return Check("tokens given out equal what is owed for them", wrong)


def _deposits(connection: Connection) -> Check:
    return Check(ONCE, _credits_of(connection.execute(text(_CREDITED_TWICE))))


def _credits(connection: Connection) -> Check:
    return Check(BACKED, _unbacked(connection.execute(text(_CREDITED_FOR_NOTHING))))


def _credits_of(rows: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    return tuple(f"saga {row[0]}: {row[1]} credits" for row in rows)


def _unbacked(rows: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    return tuple(f"transfer {row[0]}: saga {row[1]} brought nothing" for row in rows)
