"""Verifying what leaves over Lightning: what is in flight, and each payment booked once."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text

from routstr.ledger.checkpoint import Checkpoint
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.ledger.verify import Check
from routstr.money import MSAT_PER_SAT
from routstr.payment.lightning_refund import LIGHTNING_REFUND
from routstr.payment.payout_books import PAYOUT
from routstr.wallet.models import SagaKind, SagaState

IN_FLIGHT: Final = "what is in flight equals the payments under way"
PAID: Final = "every payment over Lightning was booked exactly once"
KEYS: Final = {TransferKind.LIGHTNING_PAID: (b"P",)}
_MSAT: Final = f"CASE unit WHEN 'sat' THEN {MSAT_PER_SAT} ELSE 1 END"
_OURS: Final = f"s.kind = {int(SagaKind.MELT)} AND s.purpose IN ('{LIGHTNING_REFUND}', '{PAYOUT}')"
_FLYING: Final = f"""
SELECT coalesce(sum(gross * {_MSAT}), 0) FROM sagas s
WHERE {_OURS} AND s.state = {int(SagaState.OPEN)}
"""  # noqa: S608 - constants of this program
_BOOKED: Final = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = :kind"
_PAID: Final = f"""
SELECT s.id, s.spent * {_MSAT}, coalesce(t.total, 0) FROM sagas s
LEFT JOIN (SELECT reference AS id, sum(amount) AS total FROM transfers
           WHERE id > :after AND kind = {int(TransferKind.LIGHTNING_PAID)}
           GROUP BY reference) t ON t.id = s.id
WHERE {_OURS} AND (s.id > :sagas OR s.id IN :pending)
  AND CASE s.state WHEN {int(SagaState.DONE)} THEN coalesce(s.spent, 0) * {_MSAT} ELSE 0 END
      <> coalesce(t.total, 0)
"""  # noqa: S608


def check_flight(connection: Connection) -> Check:
    """Compare the account of what is in flight with the payments under way."""
    flying = int(connection.execute(text(_FLYING)).scalar_one())
    values = {"kind": int(AccountKind.IN_FLIGHT)}
    booked = int(connection.execute(text(_BOOKED), values).scalar_one())
    wrong = () if flying == booked else (f"{booked} msat in the books, {flying} msat under way",)
    return Check(IN_FLIGHT, wrong)


def check_paid(connection: Connection, last: Checkpoint | None = None) -> Check:
    """Compare what the mints kept with what was booked; since a checkpoint, or ever."""
    query = text(_PAID).bindparams(bindparam("pending", expanding=True))
    values = {
        "after": last.transfers if last else 0,
        "sagas": last.sagas.upto if last else 0,
        "pending": last.sagas.open_ids if last else (),
    }
    return Check(PAID, _lines(connection.execute(query, values)))


def _lines(rows: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    return tuple(f"saga {row[0]}: {row[1]} msat left, {row[2]} msat booked" for row in rows)
