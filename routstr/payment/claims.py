"""Tokens that were given out, until their owners have redeemed them.

A token that is not redeemed stays owed, and what is in it stays an asset: only its mint knows when
both end, and is asked (NUT-07).
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.errors import WalletError
from routstr.ledger.accounts import Entry, asset_name, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat
from routstr.payment.deposits import saga_key
from routstr.wallet import purse
from routstr.wallet.models import IssuedState
from routstr.wallet.purse import Issued
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet, mark_claimed

_log = get_logger(__name__)

CLAIM_CHECKS_MAX: Final = 200
TOLD_MAX: Final = 50
"""How many tokens of one account are looked at: far more than there are mints and units."""
EARLIER_SECONDS_MAX: Final = 5.0
"""How long mints are asked about earlier tokens while somebody waits for other ones."""
DEPOSITED: Final = "deposited"
"""What a saga that gives money back remembers: all that its account had ever received (msat)."""
BY_OPERATOR: Final = "by_operator"
"""In the context of a saga that the operator asked for: its token is not the key's to tell."""


@dataclass(frozen=True, slots=True)
class Given:
    """A token that was given out, and the saga that made it."""

    saga: Saga
    issued: Issued


def unclaimed_account(tx: Tx, at: int) -> int:
    """Return the account of what the node owes for tokens given out."""
    return named_account(tx, AccountKind.UNCLAIMED, AccountKind.UNCLAIMED.name.lower(), at)


class Claims:
    """Knows which tokens are redeemed, and books it."""

    def __init__(self, db: Database, wallet: Wallet, clock: Clock) -> None:
        self._db = db
        self._wallet = wallet
        self._clock = clock
        self._watched: int | None = None

    async def unredeemed(
        self, account: int, deposited: Msat, *, new: Collection[int] = ()
    ) -> list[Given]:
        """Return an account's tokens of since its last deposit that are not redeemed.

        ``new`` ones (sagas) are among them whenever they were made: nobody has been told of them,
        and new money would hide them for ever. Their mints are not asked about them. A token whose
        mint does not answer is good: whether it is redeemed its owner will see.
        """
        since = await self._since(account, int(deposited))
        known = {given.issued.saga for given in since}
        hidden = [await self._given(saga) for saga in sorted(set(new) - known)]
        found = []
        for given in [*since, *hidden]:
            issued = given.issued
            if issued.state is IssuedState.CLAIMED:
                continue
            if issued.saga in new or not await self._is_redeemed(issued):
                found.append(given)
        return found

    async def earlier(self, account: int, purpose: str, told: Collection[int]) -> list[Given]:
        """Return an account's newest tokens that nobody is known to have redeemed, whenever made.

        Those that sagas of ``purpose`` gave out, without the ``told`` ones (sagas). Each mint is
        asked about all of its own at once; those of one that rests, or does not answer in time, are
        good. Looking at the newest learns who was paid, so that older ones come next time.
        """
        newest = await self._wallet.unclaimed_by(account, purpose, TOLD_MAX + len(told))
        others = [issued for issued in newest if issued.saga not in told][:TOLD_MAX]
        redeemed = await self._ask_together(others)
        if gone := [issued for issued in others if issued.saga in redeemed]:
            await self._book(gone)
        left = [issued for issued in others if issued.saga not in redeemed]
        return [Given(await self._wallet.saga(issued.saga), issued) for issued in left]

    async def last(self, account: int) -> list[Given]:
        """Return the tokens that were given out last, redeemed or not: after the same deposits."""
        return await self._since(account, None)

    async def watch(self, limit: int = CLAIM_CHECKS_MAX) -> int:
        """Ask the mints about tokens that were given out; return how many were redeemed.

        A round looks at ``limit`` of them, the next one at older ones, until it begins anew.
        """
        part = await self._wallet.unclaimed(self._watched, limit)
        self._watched = part[-1].saga if len(part) == limit else None
        return sum([await self._is_redeemed(issued) for issued in part])

    async def look(self, saga: int) -> bool:
        """Look at the token that a saga gave out; true when it is redeemed, and booked."""
        issued = (await self._given(saga)).issued
        return issued.state is IssuedState.CLAIMED or await self._is_redeemed(issued)

    async def ask(self, saga: int) -> bool:
        """Ask the mint about the token that a saga gave out, as :meth:`look`; raises its errors."""
        issued = (await self._given(saga)).issued
        return issued.state is IssuedState.CLAIMED or await self._book_if_redeemed(issued)

    async def _given(self, saga: int) -> Given:
        issued = await self._db.read(lambda c: purse.issued_by(c, saga))
        return Given(await self._wallet.saga(saga), issued)

    async def _since(self, account: int, deposited: int | None) -> list[Given]:
        found = []
        for issued in await self._wallet.issued_to(account, TOLD_MAX):
            saga = await self._wallet.saga(issued.saga)
            if BY_OPERATOR in saga.context:
                continue
            then = saga.context.get(DEPOSITED)
            deposited = then if deposited is None else deposited
            if then != deposited:
                break
            found.append(Given(saga, issued))
        return found

    async def _is_redeemed(self, issued: Issued) -> bool:
        """Book a token that its owner has redeemed; false when that is not known."""
        try:
            return await self._book_if_redeemed(issued)
        except WalletError as error:  # this mint cannot be asked now; the others can
            _log.info("claim_unknown", saga=issued.saga, mint=issued.mint, error=error.code)
            return False

    async def _book_if_redeemed(self, issued: Issued) -> bool:
        redeemed = await self._wallet.is_claimed(issued)
        if redeemed:
            await self._book([issued])
        return redeemed

    async def _ask_together(self, tokens: Sequence[Issued]) -> set[int]:
        """Return the sagas of those that are known to be redeemed: one question for each mint."""
        redeemed = set[int]()
        limit = asyncio.timeout(EARLIER_SECONDS_MAX)
        try:
            async with limit:
                for mint in dict.fromkeys(issued.mint for issued in tokens):
                    mine = [issued.saga for issued in tokens if issued.mint == mint]
                    try:
                        redeemed |= await self._wallet.claimed(mint, mine)
                    except WalletError as error:  # the other mints can be asked
                        _log.info("claims_unknown", mint=mint, count=len(mine), error=error.code)
        except TimeoutError:
            if not limit.expired():
                raise
            _log.info("claims_unknown", count=len(tokens), error="timeout")
        return redeemed

    async def _book(self, tokens: Sequence[Issued]) -> None:
        at = self._clock.now_ms()

        def book(tx: Tx) -> None:
            for issued in tokens:
                _book_claim(tx, issued, at)

        await self._db.write(book)


def _book_claim(tx: Tx, issued: Issued, at: int) -> None:
    if not mark_claimed(tx, issued, at):
        return
    name = asset_name(issued.mint, issued.unit.value)
    post(
        tx,
        Entry(
            debit=unclaimed_account(tx, at),
            credit=named_account(tx, AccountKind.ASSET, name, at),
            amount=issued.unit.to_msat(issued.amount),
            kind=TransferKind.CLAIM,
            key=saga_key(b"K", issued.saga),
            reference=issued.saga,
            at=at,
        ),
    )
