"""A line to a mint that lets its node down."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from routstr.money import Unit
from routstr.wallet.keysets import Keyset, KeysetInfo
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintUnclear
from routstr.wallet.mint_types import (
    MeltQuote,
    MeltResult,
    MintInfo,
    MintQuote,
    ProofState,
    Restored,
)
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof
from tests.fuzz.fate import SLOW_S, Call, Fate
from tests.fuzz.mint import TalliedMint

T = TypeVar("T")


class Line(Mint):
    """One node's line to a mint that it shares with others."""

    def __init__(self, mint: TalliedMint, fate: Fate) -> None:
        self.url = mint.url
        self._mint = mint
        self._fate = fate

    async def info(self, **_: float | None) -> MintInfo:
        trouble = await self._before("info")
        return await self._after(trouble, await self._mint.info())

    async def keysets(self, **_: float | None) -> tuple[KeysetInfo, ...]:
        trouble = await self._before("keysets")
        return await self._after(trouble, await self._mint.keysets())

    async def keys(self, info: KeysetInfo, **_: float | None) -> Keyset:
        trouble = await self._before("keys")
        return await self._after(trouble, await self._mint.keys(info))

    async def check_state(self, ys: Sequence[bytes], **_: float | None) -> list[ProofState]:
        trouble = await self._before("check_state")
        return await self._after(trouble, await self._mint.check_state(ys))

    async def restore(self, outputs: Sequence[PreparedOutput], **_: float | None) -> list[Restored]:
        trouble = await self._before("restore")
        return await self._after(trouble, await self._mint.restore(outputs))

    async def swap(
        self, inputs: Sequence[TokenProof], outputs: Sequence[PreparedOutput], **_: float | None
    ) -> tuple[BlindSignature, ...]:
        trouble = await self._before("swap")
        signatures = await self._after(trouble, await self._mint.swap(inputs, outputs))
        return _garbled(signatures) if trouble is Call.GARBLED else signatures

    async def mint_quote(
        self, amount: int, unit: Unit, *, lock: str = "", **_: float | None
    ) -> MintQuote:
        trouble = await self._before("mint_quote")
        return await self._after(trouble, await self._mint.mint_quote(amount, unit))

    async def mint_quote_state(self, quote_id: str, **_: float | None) -> MintQuote:
        trouble = await self._before("mint_quote_state")
        return await self._after(trouble, await self._mint.mint_quote_state(quote_id))

    async def mint(
        self,
        quote_id: str,
        outputs: Sequence[PreparedOutput],
        *,
        signature: str = "",
        **_: float | None,
    ) -> tuple[BlindSignature, ...]:
        trouble = await self._before("mint")
        signatures = await self._after(trouble, await self._mint.mint(quote_id, outputs))
        return _garbled(signatures) if trouble is Call.GARBLED else signatures

    async def melt_quote(self, invoice: str, unit: Unit, **_: float | None) -> MeltQuote:
        trouble = await self._before("melt_quote")
        return await self._after(trouble, await self._mint.melt_quote(invoice, unit))

    async def melt_quote_state(self, quote_id: str, **_: float | None) -> MeltQuote:
        trouble = await self._before("melt_quote_state")
        return await self._after(trouble, await self._mint.melt_quote_state(quote_id))

    async def melt(
        self,
        quote_id: str,
        inputs: Sequence[TokenProof],
        blanks: Sequence[PreparedOutput] = (),
        **_: float | None,
    ) -> MeltResult:
        trouble = await self._before("melt")
        answer = await self._after(trouble, await self._mint.melt(quote_id, inputs, blanks))
        if trouble is Call.GARBLED and answer.change:
            return replace(answer, change=_garbled(answer.change))
        return answer

    async def _before(self, name: str) -> Call | None:
        await self._take_time()
        trouble = self._fate.at_call(name)
        if trouble is Call.DIES_BEFORE:
            self._fate.die()
        if (make := _BEFORE.get(trouble)) is not None:
            raise make()
        if trouble is Call.REFUSED:
            raise self._fate.refusal()
        return trouble

    async def _after(self, trouble: Call | None, answer: T) -> T:
        await self._take_time()
        if trouble is Call.DIES_AFTER or self._fate.dead:
            self._fate.die()
        if (make := _AFTER.get(trouble)) is not None:
            raise make()
        if trouble is Call.ECHO:
            raise self._fate.refusal()
        return answer

    async def _take_time(self) -> None:
        if self._fate.slow:
            await asyncio.sleep(SLOW_S / 2)


_BEFORE: Final[dict[Call | None, Callable[[], Exception]]] = {
    Call.DOWN: lambda: MintDown("down as told"),
    Call.RESTS: lambda: MintBusy(1),
    Call.BUSY_BEFORE: lambda: MintBusy(1, sent=True),
    Call.LOST_BEFORE: lambda: MintUnclear("lost as told"),
    Call.BROKEN_BEFORE: lambda: MintUnclear("HTTP status 500"),
}
_AFTER: Final[dict[Call | None, Callable[[], Exception]]] = {
    Call.BUSY_AFTER: lambda: MintBusy(1, sent=True),
    Call.LOST_AFTER: lambda: MintUnclear("lost as told"),
    Call.BROKEN_AFTER: lambda: MintUnclear("HTTP status 500"),
}


def _garbled(signatures: Sequence[BlindSignature]) -> tuple[BlindSignature, ...]:
    """The last one is of twice the amount, and cut."""
    *good, last = signatures
    return (*good, replace(last, amount=last.amount * 2, signed=b"\x02" + bytes(32)))
