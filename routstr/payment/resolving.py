"""Finding out at the mints what became of open sagas, and ending them, at the operator's order.

A node finishes its sagas by itself. What an order adds: it asks at once, and it also speaks to
mints that are not in ``CASHU_MINTS`` any more, which a node never does. That list says whose new
tokens are accepted. An open saga is money that moved there while the mint was listed: its claims
are held, its owner waits, and only that mint knows how it ended. Nobody outside can name such a
mint, for every saga was opened at a listed one. What an address must be like stays as it is: https
and public, checked when the connection is made.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from routstr.core.addresses import check_mint_url
from routstr.core.db import Database
from routstr.core.explanation import explain
from routstr.core.logging import get_logger
from routstr.errors import RoutstrError, UntrustedMint
from routstr.ledger import instances
from routstr.payment.movements import is_open
from routstr.wallet.mint_errors import MintBusy, MintError, MintRefusal
from routstr.wallet.models import SagaState
from routstr.wallet.overview import Movement, movements
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

OpenWallet: TypeAlias = Callable[[tuple[str, ...]], AbstractAsyncContextManager[Wallet]]
"""Gives a wallet that may also speak to some mints that are not listed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one saga. ``why`` says so for one that is open, and more for others."""

    saga: Movement
    why: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it still waits."""
        return is_open(self.saga)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Asks the mints. ``listed`` are those of the settings."""

    db: Database
    open_wallet: OpenWallet
    listed: Collection[str]
    allow_insecure: bool
    stale_seconds: float

    async def resolve(self, waiting: list[Movement]) -> list[Answer]:
        """Ask about these sagas at once, and tell what became of each, in their order."""
        off_list = {saga.mint for saga in waiting} - set(self.listed)
        unlisted = tuple(sorted(mint for mint in off_list if not self._refusal(mint)))
        ids = [saga.id for saga in waiting]
        async with self.open_wallet(unlisted) as wallet:
            alive = await self.db.read(lambda c: instances.alive(c, self.stale_seconds))
            work = (self._try(wallet, saga, alive) for saga in waiting)
            # one that fails unexpectedly stops no other
            reasons = await asyncio.gather(*work, return_exceptions=True)
            now = {saga.id: saga for saga in await self.db.read(lambda c: movements(c, ids))}
        return [_answer(now[key], reason) for key, reason in zip(ids, reasons, strict=True)]

    async def _try(self, wallet: Wallet, saga: Movement, alive: frozenset[int]) -> str:
        """Resume one saga; return why it stayed open, or what is worth to know of its end."""
        try:
            outcome = await wallet.resume(saga.id, alive)
        except UntrustedMint:
            return f"its mint's address is refused: it {self._refusal(saga.mint)}"
        except RoutstrError as error:
            return explain(error)
        if outcome is None:
            seen = self.stale_seconds
            return f"instance {saga.owner}, which was seen in the last {seen:g} s, works on it"
        if outcome.result is None or outcome.result.error is None:
            return ""
        return _words(outcome.result.error)

    def _refusal(self, mint: str) -> str:
        """Why a mint must not be contacted, wherever its URL comes from; empty when it may be."""
        try:
            check_mint_url(mint, allow_insecure=self.allow_insecure)
        except ValueError as error:
            return str(error)
        return ""


def _answer(saga: Movement, reason: str | BaseException) -> Answer:
    if isinstance(reason, BaseException):
        _log.error("saga_not_resolved", saga=saga.id, exc_info=reason)
        return Answer(saga, f"unexpected {type(reason).__name__}, explained in the node's log")
    return Answer(saga, "" if saga.state is SagaState.DONE else reason)


def _words(error: MintError) -> str:
    match error:
        case MintBusy():
            return f"the mint asks to wait, or was in trouble just now: {explain(error)}"
        case MintRefusal():
            return f"the mint refused: {explain(error)}"
        case _:
            return explain(error)
