"""What the balance endpoints decide; they only parse and answer."""

import msgspec

from routstr.auth.service import Authenticator, Payer
from routstr.auth.terms import KeyTerms
from routstr.balance.schemas import (
    CreateAnswer,
    History,
    Info,
    LightningRefundAnswer,
    RefundAnswer,
    RefundToken,
    TopupAnswer,
    Transaction,
)
from routstr.core.db import Database
from routstr.errors import AuthError, KeyExpired, KeyNotFound, MissingApiKey
from routstr.ledger import books
from routstr.ledger.books import Balance, Movement
from routstr.ledger.entries import TransferKind
from routstr.money import Unit, total
from routstr.payment.lightning_refund import LightningRefunds
from routstr.payment.refund import Refund, Refunds
from routstr.payment.x_cashu import XCashu

_MS: int = 1000
_WORDS = {
    TransferKind.DEPOSIT: "ecash deposit",
    TransferKind.REFUND: "refund as ecash",
    TransferKind.REFUND_UNDONE: "refund undone: the mint refused it",
    TransferKind.LIGHTNING_REFUND: "refund over Lightning, with the fees at most",
    TransferKind.LIGHTNING_RETURN: "what the refund over Lightning did not need",
}


class BalanceService:
    """Creates, shows, tops up and refunds keys."""

    def __init__(
        self,
        db: Database,
        auth: Authenticator,
        refunds: Refunds,
        x_cashu: XCashu,
        lightning: LightningRefunds,
    ) -> None:
        self._db = db
        self._auth = auth
        self._refunds = refunds
        self._x_cashu = x_cashu
        self._lightning = lightning

    async def create(self, token: str, validity_date: int | None) -> CreateAnswer:
        """Redeem a token into a key; the same proofs again give the same key."""
        expires_at = validity_date * _MS if validity_date else None
        created = await self._auth.create_api_key(token, terms=KeyTerms(expires_at=expires_at))
        state = await self._balance(created.payer)
        saga = created.saga
        return CreateAnswer(
            api_key=created.payer.key,
            balance=int(state.available),
            id=created.payer.key_id,
            mint=created.payer.mint,
            credited=None if saga is None else int(saga.net_msat),
            gross=None if saga is None else int(saga.gross_msat),
            mint_fee=None if saga is None else int(saga.fee_msat),
        )

    async def info(self, authorization: str | None) -> Info:
        """Show a key, expired or not. A token that was never seen becomes one."""
        try:
            payer = await self._auth.current_payer(authorization)
        except KeyExpired:
            payer = await self._known_payer(authorization)
        record = await self._auth.key_record(payer)
        state = await self._balance(payer)
        expires_at = None if record.expires_at is None else record.expires_at // _MS
        return Info(
            api_key=payer.key,
            id=payer.key_id,
            balance=int(state.available),
            reserved=int(state.reserved),
            total=int(state.total),
            total_deposited=int(state.deposited),
            total_spent=int(state.spent),
            total_requests=state.requests,
            created_at=record.created_at // _MS,
            last_used_at=None if state.last_used_at is None else state.last_used_at // _MS,
            expires_at=expires_at,
            validity_date=expires_at,
            metadata=msgspec.json.decode(record.metadata),
            mint=payer.mint,
            unit=payer.unit,
        )

    async def top_up(self, authorization: str | None, token: str) -> TopupAnswer:
        """Redeem a token into an existing key."""
        payer = await self._auth.current_payer(authorization)
        saga = await self._auth.top_up(payer, token)
        state = await self._balance(payer)
        return TopupAnswer(
            msats=int(saga.net_msat),
            gross=int(saga.gross_msat),
            mint_fee=int(saga.fee_msat),
            balance=int(state.available),
        )

    async def refund(self, authorization: str | None) -> RefundAnswer:
        """Pay everything out as a token; never creates a key, and serves expired ones."""
        payer = await self._known_payer(authorization)
        await self._lightning.require_none(payer.account)
        refund = await self._refunds.refund(payer.account, payer.mint, Unit(payer.unit))
        return await self._refund_answer(payer.account, refund)

    async def refund_over_lightning(
        self, authorization: str | None, address: str
    ) -> LightningRefundAnswer:
        """Pay everything out to a Lightning address or LNURL; serves expired keys too."""
        payer = await self._known_payer(authorization)
        paid = await self._lightning.pay(payer.account, payer.mint, Unit(payer.unit), address)
        state = await self._balance(payer)
        return LightningRefundAnswer(
            recipient=paid.recipient,
            refund_id=paid.refund_id,
            sats=str(paid.amount.sats_down),
            msats=str(paid.amount),
            mint=paid.mint,
            mint_fee=int(paid.mint_fee),
            lightning_fee=int(paid.lightning_fee),
            balance=int(state.available),
            repeated=paid.repeated,
        )

    async def claim(self, x_cashu: str) -> RefundAnswer:
        """Give the change of a request to whoever has the token that paid for it."""
        if not x_cashu.strip():
            raise MissingApiKey
        payment, refund = await self._x_cashu.claim(x_cashu)
        return await self._refund_answer(payment.account, refund)

    async def _refund_answer(self, account: int, refund: Refund) -> RefundAnswer:
        state = await self._db.read(lambda c: books.balance(c, account))
        face = str(refund.amount)
        return RefundAnswer(
            token=refund.token,
            sats=face if refund.unit is Unit.SAT else None,
            msats=face if refund.unit is Unit.MSAT else None,
            unit=refund.unit.value,
            mint=refund.mint,
            tokens=[
                RefundToken(token=p.token, amount=p.amount, unit=p.unit.value, mint=p.mint)
                for p in refund.parts
            ],
            refunded_msats=int(total(part.worth for part in refund.parts)),
            pending_msats=int(refund.under_way),
            mint_fee=int(total(part.mint_fee for part in refund.parts)),
            balance=int(state.available),
            repeated=refund.repeated,
        )

    async def history(
        self, authorization: str | None, *, limit: int, before: int | None
    ) -> History:
        """List transfers, newest first."""
        payer = await self._known_payer(authorization)
        found = await self._db.read(
            lambda c: books.history(c, payer.account, limit=limit, before=before)
        )
        return History(
            transactions=[_transaction(movement) for movement in found],
            next_before=found[-1].id if len(found) == limit else None,
        )

    async def _known_payer(self, authorization: str | None) -> Payer:
        try:
            return await self._auth.known_payer(authorization)
        except AuthError as error:
            if type(error) is AuthError:  # unknown, not missing or expired
                raise KeyNotFound from error
            raise

    async def _balance(self, payer: Payer) -> Balance:
        return await self._db.read(lambda c: books.balance(c, payer.account))


def _transaction(movement: Movement) -> Transaction:
    return Transaction(
        id=movement.id,
        type="in" if movement.amount > 0 else "out",
        kind=movement.kind.name.lower(),
        amount=int(movement.amount),
        balance_after=None if movement.balance_after is None else int(movement.balance_after),
        description=_describe(movement),
        timestamp=movement.at // _MS,
        created_at=movement.at // _MS,
        reference=f"{'hold' if movement.request_id else 'saga'}:{movement.reference}",
        request_id=movement.request_id,
        model=movement.model,
    )


def _describe(movement: Movement) -> str:
    if movement.model is None:
        return _WORDS.get(movement.kind, movement.kind.name.lower().replace("_", " "))
    tokens = f"{movement.prompt_tokens} in, {movement.completion_tokens} out"
    return f"{movement.model} on {movement.endpoint}, tokens: {tokens}"
