"""What moved on a key's account, as its owner reads it."""

from typing import Final

from routstr.auth.service import Authenticator
from routstr.balance.payers import owner
from routstr.balance.schemas import History, Transaction
from routstr.core.db import Database
from routstr.ledger import books
from routstr.ledger.books import Movement
from routstr.ledger.entries import TransferKind
from routstr.wallet.models import SagaKind
from routstr.wallet.trail import Trace, trail

_MS: Final = 1_000
_WORDS: Final = {
    TransferKind.DEPOSIT: "deposit",
    TransferKind.REFUND: "refund as ecash",
    TransferKind.REFUND_UNDONE: "refund undone: the mint refused it",
    TransferKind.LIGHTNING_REFUND: "refund over Lightning, with the fees at most",
    TransferKind.LIGHTNING_RETURN: "what the refund over Lightning did not need",
    TransferKind.CHILD_KEYS: "child keys made",
    TransferKind.RELEASED: "credited by the operator",
    TransferKind.GRANT: "credited by the operator",
}
_SOURCES: Final = {
    SagaKind.RECEIVE: "cashu",
    SagaKind.SEND: "cashu",
    SagaKind.MINT: "lightning",
    SagaKind.MELT: "lightning",
}
_NO_SAGA: Final = {
    TransferKind.CHARGE: "hold",
    TransferKind.CHILD_KEYS: "key",
    TransferKind.RELEASED: "account",
    TransferKind.GRANT: "account",
}
"""What the reference of a transfer is when it is no saga."""


class Histories:
    """Lists transfers."""

    def __init__(self, db: Database, auth: Authenticator) -> None:
        self._db = db
        self._auth = auth

    async def page(self, authorization: str | None, *, limit: int, before: int | None) -> History:
        """List transfers, newest first; those of child keys are among their parent's."""
        payer = await owner(
            self._auth, authorization, "A child key has no history. Ask with its parent."
        )
        found = await self._db.read(
            lambda c: books.history(c, payer.account, limit=limit, before=before)
        )
        sagas = {one.reference for one in found if one.kind not in _NO_SAGA}
        traces = await self._db.read(lambda c: trail(c, sagas)) if sagas else {}
        return History(
            transactions=[
                _transaction(one, None if one.kind in _NO_SAGA else traces.get(one.reference))
                for one in found
            ],
            next_before=found[-1].id if len(found) == limit else None,
        )


def _transaction(movement: Movement, trace: Trace | None) -> Transaction:
    is_token = trace is not None and movement.kind is TransferKind.REFUND
    return Transaction(
        id=movement.id,
        type="in" if movement.amount > 0 else "out",
        kind=movement.kind.name.lower(),
        source=_source(movement, trace),
        amount=int(movement.amount),
        mint_url=None if trace is None else trace.mint,
        collected=not (is_token and trace is not None and trace.claimed is False),
        balance_after=None if movement.balance_after is None else int(movement.balance_after),
        description=_describe(movement),
        timestamp=movement.at // _MS,
        created_at=movement.at // _MS,
        reference=f"{_NO_SAGA.get(movement.kind, 'saga')}:{movement.reference}",
        request_id=movement.request_id,
        model=movement.model,
    )


def _source(movement: Movement, trace: Trace | None) -> str:
    if trace is not None:
        return _SOURCES[trace.kind]
    return "operator" if _NO_SAGA.get(movement.kind) == "account" else "usage"


def _describe(movement: Movement) -> str:
    if movement.model is None:
        return _WORDS.get(movement.kind, movement.kind.name.lower().replace("_", " "))
    tokens = f"{movement.prompt_tokens} in, {movement.completion_tokens} out"
    return f"{movement.model} on {movement.endpoint}, tokens: {tokens}"
