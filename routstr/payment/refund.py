"""Giving money back as ecash.

The account is debited when the saga is intended, into what the node owes for tokens given out; the
mint's fee leaves from there when the token exists, the rest when its owner has redeemed it. A token
that was given out and is not redeemed is told again until new money comes in.
"""

from dataclasses import dataclass
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.errors import (
    BalanceChanged,
    BalanceTooSmall,
    InsufficientBalance,
    InsufficientLiquidity,
    MintRateLimited,
    MintUnreachable,
    NothingToRefund,
    RefundBlocked,
    WalletError,
)
from routstr.ledger import books
from routstr.ledger.accounts import Entry, asset_name, named_account, post
from routstr.ledger.books import Balance
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat, Unit
from routstr.payment.deposits import asset_account, saga_key
from routstr.wallet.holdings import Holding
from routstr.wallet.models import IssuedState
from routstr.wallet.purse import Issued
from routstr.wallet.sagas import Saga, open_send_of
from routstr.wallet.send import Withdrawal
from routstr.wallet.service import Wallet, mark_claimed

_log = get_logger(__name__)

REFUND: Final = "refund"
_TRIES: Final = 4
CLAIM_CHECKS_MAX: Final = 200
_DEPOSITED: Final = "deposited"  # of the account when a refund was intended


@dataclass(frozen=True, slots=True)
class Refund:
    """A token that holds what was given back. ``amount`` is its face value in ``unit``."""

    token: str
    amount: int
    unit: Unit
    mint: str
    mint_fee: Msat
    repeated: bool


def _unclaimed_account(tx: Tx, at: int) -> int:
    return named_account(tx, AccountKind.UNCLAIMED, AccountKind.UNCLAIMED.name.lower(), at)


class RefundCompletion:
    """Debits the owner with the intent, books the fee with the token, undoes what was refused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Owe the amount as a token instead of as a balance."""
        assert saga.account is not None, "a refund names its account from the start"
        at = self._clock.now_ms()
        post(
            tx,
            Entry(
                debit=saga.account,
                credit=_unclaimed_account(tx, at),
                amount=saga.gross_msat,
                kind=TransferKind.REFUND,
                key=saga_key(b"S", saga.id),
                reference=saga.id,
                at=at,
            ),
        )

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the fee that the mint kept."""
        assert saga.account is not None, "a refund names its account from the start"
        at = self._clock.now_ms()
        if saga.fee:
            post(
                tx,
                Entry(
                    debit=_unclaimed_account(tx, at),
                    credit=asset_account(tx, saga, at),
                    amount=saga.fee_msat,
                    kind=TransferKind.MINT_FEE,
                    key=saga_key(b"F", saga.id),
                    reference=saga.id,
                    at=at,
                ),
            )
        return saga.account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Give the whole amount back to its owner."""
        assert saga.account is not None, "a refund names its account from the start"
        at = self._clock.now_ms()
        post(
            tx,
            Entry(
                debit=_unclaimed_account(tx, at),
                credit=saga.account,
                amount=saga.gross_msat,
                kind=TransferKind.REFUND_UNDONE,
                key=saga_key(b"U", saga.id),
                reference=saga.id,
                at=at,
            ),
        )


class Refunds:
    """Pays balances out as tokens and watches whether they are redeemed."""

    def __init__(self, db: Database, wallet: Wallet, clock: Clock) -> None:
        self._db = db
        self._wallet = wallet
        self._clock = clock
        self._watched: int | None = None

    async def refund(self, account: int, mint: str, unit: Unit, *, home: bool = False) -> Refund:
        """Pay out what is available, preferably at ``mint`` in ``unit``.

        ``home``: there and nowhere else, unless the node lacks the money there. What no single mint
        can pay, and what is below one unit, stays as balance. Until new money comes in, the last
        token is told again while it is not redeemed. Raises :class:`RefundBlocked` while requests
        are running, :class:`NothingToRefund`, :class:`BalanceTooSmall`,
        :class:`InsufficientLiquidity`, or the mint's errors.
        """
        for _ in range(_TRIES):
            state, pending = await self._look(account)
            if pending is not None:
                finished = await self._wallet.finish_send(pending)
                if finished is not None:
                    return _refund(*finished, repeated=True)
                continue
            if (again := await self._repeat(account, state)) is not None:
                return again
            _check(state, unit)
            try:
                if home and mint in self._wallet.mints.urls:
                    return await self._pay_at_home(account, mint, unit, state)
                return await self._pay_out(account, mint, unit, state)
            except (InsufficientBalance, InsufficientLiquidity) as error:
                changed = await self._look(account) != (state, None)
                if isinstance(error, InsufficientLiquidity) and not changed:
                    raise
        raise BalanceChanged

    async def last(self, account: int) -> Refund | None:
        """Return the token that was given out last, redeemed or not."""
        issued = await self._wallet.last_issued(account)
        if issued is None:
            return None
        saga = await self._wallet.saga(issued.saga)
        return _refund(saga, await self._wallet.token_text(issued), repeated=True)

    async def watch_claims(self, limit: int = CLAIM_CHECKS_MAX) -> int:
        """Ask the mints about tokens that were given out; return how many were redeemed.

        A round looks at ``limit`` of them, the next one at older ones, until it begins anew.
        """
        claimed = 0
        part = await self._wallet.unclaimed(self._watched, limit)
        self._watched = part[-1].saga if len(part) == limit else None
        for issued in part:
            try:
                claimed += await self._note_claim(issued)
            except WalletError as error:  # this mint cannot be asked now; the others can
                _log.info("claim_unknown", saga=issued.saga, mint=issued.mint, error=error.code)
        return claimed

    async def _look(self, account: int) -> tuple[Balance, int | None]:
        """Read the balance and the open send saga: one snapshot, so that a debit has its saga."""
        return await self._db.read(lambda c: (books.balance(c, account), open_send_of(c, account)))

    async def _pay_at_home(self, account: int, mint: str, unit: Unit, state: Balance) -> Refund:
        try:
            return await self._pay(account, mint, unit, unit.from_msat_down(state.available), state)
        except InsufficientLiquidity:
            return await self._pay_out(account, mint, unit, state)

    async def _pay_out(self, account: int, mint: str, unit: Unit, state: Balance) -> Refund:
        """Try the owner's own mint and unit first, then the fullest; one that can pay everything.

        Where all lack the money, the fullest pays what it has.
        """
        holdings = [h for h in await self._wallet.holdings() if h.mint in self._wallet.mints.urls]
        holdings.sort(key=lambda h: ((h.mint, h.unit) != (mint, unit), -_worth(h)))
        payable = [(h, h.unit.from_msat_down(state.available)) for h in holdings]
        wishes = [(h, gross) for h, gross in payable if 0 < gross <= h.liquid + h.reserved]
        if not wishes:
            parts = [(h, min(gross, h.liquid)) for h, gross in payable]
            parts = [(h, gross) for h, gross in parts if gross]
            wishes = sorted(parts, key=lambda part: -_worth(part[0]))[:1]
        problem: WalletError = InsufficientLiquidity()
        for place, gross in wishes:
            try:
                return await self._pay(account, place.mint, place.unit, gross, state)
            except (MintUnreachable, MintRateLimited, InsufficientLiquidity) as error:
                problem = error  # nothing was debited: another mint may have the money
        raise problem

    async def _pay(self, account: int, mint: str, unit: Unit, gross: int, state: Balance) -> Refund:
        context = {_DEPOSITED: int(state.deposited)}
        wish = Withdrawal(mint, unit, gross, REFUND, account, context)
        return _refund(*await self._wallet.send(wish), repeated=False)

    async def _repeat(self, account: int, state: Balance) -> Refund | None:
        """Return the last token while it is not redeemed and no money came in since."""
        issued = await self._wallet.last_issued(account)
        if issued is None or issued.state is IssuedState.CLAIMED:
            return None
        saga = await self._wallet.saga(issued.saga)
        if saga.context[_DEPOSITED] != state.deposited or state.reserved:
            return None
        try:
            redeemed = await self._note_claim(issued)
        except WalletError as error:  # the token is good; whether it is redeemed its owner will see
            _log.info("claim_unknown", saga=issued.saga, mint=issued.mint, error=error.code)
            redeemed = False
        if redeemed:
            return None
        text = await self._wallet.token_text(issued)
        return _refund(saga, text, repeated=True)

    async def _note_claim(self, issued: Issued) -> bool:
        """Book a token that its owner has redeemed; false when it is not redeemed."""
        if not await self._wallet.is_claimed(issued):
            return False
        at = self._clock.now_ms()
        await self._db.write(lambda tx: _book_claim(tx, issued, at))
        return True


def _book_claim(tx: Tx, issued: Issued, at: int) -> None:
    if not mark_claimed(tx, issued, at):
        return
    name = asset_name(issued.mint, issued.unit.value)
    post(
        tx,
        Entry(
            debit=_unclaimed_account(tx, at),
            credit=named_account(tx, AccountKind.ASSET, name, at),
            amount=issued.unit.to_msat(issued.amount),
            kind=TransferKind.CLAIM,
            key=saga_key(b"K", issued.saga),
            reference=issued.saga,
            at=at,
        ),
    )


def _check(state: Balance, unit: Unit) -> None:
    """Refuse what cannot be paid out now."""
    if state.reserved:
        raise RefundBlocked(details={"reserved_msat": int(state.reserved)})
    if not state.available:
        raise NothingToRefund
    if not unit.from_msat_down(state.available):
        raise BalanceTooSmall(details={"available_msat": int(state.available)})


def _worth(holding: Holding) -> int:
    return int(holding.unit.to_msat(holding.liquid))


def _refund(saga: Saga, text: str, *, repeated: bool) -> Refund:
    return Refund(
        text, saga.gross - saga.fee, saga.unit, saga.mint, saga.fee_msat, repeated=repeated
    )
