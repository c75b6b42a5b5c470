"""Verifying the money as a whole: the ledger with itself, and the ledger with the wallet."""

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.ledger import verify
from routstr.ledger.accounts import asset_name
from routstr.ledger.entries import AccountKind
from routstr.ledger.verify import Check
from routstr.money import MSAT_PER_SAT
from routstr.wallet.holdings import Holding, holdings
from routstr.wallet.models import IssuedState, SagaKind, SagaState

_MSAT = f"CASE unit WHEN 'sat' THEN {MSAT_PER_SAT} ELSE 1 END"
_OWED_AS_TOKENS = f"""
SELECT (SELECT coalesce(sum(amount * {_MSAT}), 0) FROM issued_tokens
        WHERE state = {int(IssuedState.UNCLAIMED)})
     + (SELECT coalesce(sum(gross * {_MSAT}), 0) FROM sagas
        WHERE state = {int(SagaState.OPEN)} AND kind = {int(SagaKind.SEND)})
"""  # noqa: S608 - constants of this program
_CREDITED_TWICE = f"""
SELECT reference, count(*) FROM transfers WHERE kind = 1 GROUP BY reference HAVING count(*) > 1
UNION ALL
SELECT id, 0 FROM sagas WHERE kind = {int(SagaKind.RECEIVE)} AND state = {int(SagaState.DONE)}
  AND id NOT IN (SELECT reference FROM transfers WHERE kind = 1)
"""  # noqa: S608
_CREDITED_FOR_NOTHING = f"""
SELECT t.id, t.reference FROM transfers t LEFT JOIN sagas s ON s.id = t.reference
WHERE t.kind = 1 AND (s.state IS NULL OR s.state <> {int(SagaState.DONE)})
"""  # noqa: S608


class Audit(Struct, frozen=True):
    """The outcome of a verification. Amounts are msat."""

    checks: list[Check]
    holdings: list[Holding]
    owed: int
    assets: int

    @property
    def holds(self) -> bool:
        """Whether every equation holds."""
        return all(check.holds for check in self.checks)


def audit(connection: Connection) -> Audit:
    """Verify everything on one snapshot of the database."""
    held = holdings(connection)
    assets: dict[str, int] = {}
    for holding in held:
        amount = holding.liquid + holding.reserved + holding.issued
        name = asset_name(holding.mint, holding.unit.value)
        assets[name] = int(holding.unit.to_msat(amount))
    checks = [
        *verify.check_books(connection),
        *verify.check_assets(connection, assets),
        _tokens(connection),
        _deposits(connection),
        _credits(connection),
    ]
    return Audit(checks, held, verify.liabilities(connection), sum(assets.values()))


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
    rows = connection.execute(text(_CREDITED_TWICE))
    return Check(
        "every redeemed token was credited exactly once",
        tuple(f"saga {row[0]}: {row[1]} credits" for row in rows),
    )


def _credits(connection: Connection) -> Check:
    rows = connection.execute(text(_CREDITED_FOR_NOTHING))
    return Check(
        "every deposit belongs to a finished saga",
        tuple(f"transfer {row[0]}: saga {row[1]} brought nothing" for row in rows),
    )
