"""What the balance endpoints decide; they only parse and answer."""

from collections.abc import Sequence
from typing import Final

from routstr.auth.service import Authenticator, Payer
from routstr.auth.terms import KeyTerms
from routstr.balance.payers import owner
from routstr.balance.schemas import (
    CreateAnswer,
    LightningRefundAnswer,
    RefundAnswer,
    RefundToken,
    TopupAnswer,
)
from routstr.core.db import Database
from routstr.errors import MissingApiKey
from routstr.ledger import books
from routstr.ledger.books import Balance
from routstr.money import Unit, total
from routstr.payment.lightning_refund import LightningRefunds
from routstr.payment.refund import Part, Refund, Refunds
from routstr.payment.x_cashu import XCashu

_NO_REFUND: Final = "Cannot refund child key. Refund the key that made it."


class BalanceService:
    """Creates, tops up and refunds keys."""

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

    async def create(self, token: str, terms: KeyTerms) -> CreateAnswer:
        """Redeem a token into a key; the same proofs again give the same key as it is."""
        created = await self._auth.create_api_key(token, terms=terms)
        state = await self._balance(created.payer)
        arrival = created.arrival
        return CreateAnswer(
            api_key=created.payer.key,
            balance=int(state.available),
            id=created.payer.key_id,
            mint=created.payer.mint,
            credited=None if arrival is None else int(arrival.net_msat),
            gross=None if arrival is None else int(arrival.gross_msat),
            mint_fee=None if arrival is None else int(arrival.fee_msat),
            change=created.change or None,
        )

    async def top_up(self, authorization: str | None, token: str) -> TopupAnswer:
        """Redeem a token into an existing key."""
        payer = await self._auth.current_payer(authorization)
        arrival = await self._auth.top_up(payer, token)
        state = await self._balance(payer)
        return TopupAnswer(
            msats=int(arrival.net_msat),
            gross=int(arrival.gross_msat),
            mint_fee=int(arrival.fee_msat),
            balance=int(state.available),
            change=arrival.change or None,
        )

    async def refund(self, authorization: str | None) -> RefundAnswer:
        """Pay everything out as a token; never creates a key, and serves expired ones."""
        payer = await owner(self._auth, authorization, _NO_REFUND)
        await self._lightning.require_none(payer.account)
        refund = await self._refunds.refund(payer.account, payer.mint, Unit(payer.unit))
        return await self._refund_answer(payer.account, refund)

    async def refund_over_lightning(
        self, authorization: str | None, address: str
    ) -> LightningRefundAnswer:
        """Pay everything out to a Lightning address or LNURL; serves expired keys too."""
        payer = await owner(self._auth, authorization, _NO_REFUND)
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
            tokens=_tokens(refund.parts),
            refunded_msats=int(total(part.worth for part in refund.parts)),
            pending_msats=int(refund.under_way),
            mint_fee=int(total(part.mint_fee for part in refund.parts)),
            balance=int(state.available),
            repeated=refund.repeated,
            earlier=_tokens(refund.earlier) or None,
        )

    async def _balance(self, payer: Payer) -> Balance:
        return await self._db.read(lambda c: books.balance(c, payer.account))


def _tokens(parts: Sequence[Part]) -> list[RefundToken]:
    return [
        RefundToken(token=part.token, amount=part.amount, unit=part.unit.value, mint=part.mint)
        for part in parts
    ]
