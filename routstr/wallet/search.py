"""Asking a mint what it has ever signed for this wallet's seed (NUT-13, 09, 07). Reads only.

Secrets follow from seed, keyset and counter, so the outputs can be made again and shown to the
mint. The search ends where it has signed none for a long stretch: numbers are also used up by
movements that came to nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import BATCH, Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintUnclear
from routstr.wallet.mint_types import ProofState, Restored
from routstr.wallet.proofs import OwnProof, PreparedOutput, finish, make_outputs
from routstr.wallet.secrets import MAX_COUNTER

T = TypeVar("T")

GAP: Final = 300
"""Unsigned numbers in a row after which wallets stop (NUT-13)."""
GAP_USED: Final = 3_000
"""The same in a keyset that was used: a node whose mint was in trouble leaves long gaps."""
_PAUSES_S: Final = (1, 2, 4, 8, 16)
_PAUSE_S_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class Gap:
    """How many unsigned numbers in a row end a search."""

    unused: int = GAP
    """... while nothing was found in the keyset."""
    used: int = GAP_USED

    @classmethod
    def of(cls, used: int) -> "Gap":
        """The gap of a keyset that was used; an unused one is given up after a tenth of it."""
        return cls(min(used, max(GAP, used // 10)), used)


@dataclass(frozen=True, slots=True)
class Signed:
    """What a mint has signed among ``BATCH`` numbers from ``first`` on, and what is left of it."""

    first: int
    proofs: Sequence[OwnProof]
    states: Sequence[ProofState]

    @property
    def unspent(self) -> list[OwnProof]:
        """The proofs that are money now."""
        return self._in(ProofState.UNSPENT)

    @property
    def pending(self) -> list[OwnProof]:
        """The proofs that the mint is spending right now: they may come back."""
        return self._in(ProofState.PENDING)

    @property
    def next_counter(self) -> int:
        """The first number behind the last signed one; 0 when there is none."""
        return max((proof.counter + 1 for proof in self.proofs), default=0)

    def _in(self, wanted: ProofState) -> list[OwnProof]:
        pairs = zip(self.proofs, self.states, strict=True)
        return [proof for proof, state in pairs if state is wanted]


class Ask(Protocol):
    """How a question is put to a mint."""

    async def __call__(self, question: Callable[[], Awaitable[T]]) -> T:
        """Return the answer, or raise the mint's error."""
        ...


async def at_once(question: Callable[[], Awaitable[T]]) -> T:
    """Ask once."""
    return await question()


async def patiently(
    question: Callable[[], Awaitable[T]],
    sleep_s: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Ask again when the mint wants to be left alone or did not answer; for reading only."""
    for pause_s in _PAUSES_S:
        try:
            return await question()
        except MintBusy as busy:
            await sleep_s(min(max(busy.retry_after_s, 1), _PAUSE_S_MAX))
        except (MintDown, MintUnclear):
            await sleep_s(pause_s)
    return await question()


async def search(
    mint: Mint, keyset: Keyset, seed: bytes, gap: Gap, *, first: int = 0, ask: Ask = at_once
) -> AsyncIterator[Signed]:
    """Go through a keyset's numbers from ``first`` on, a batch at a time, to the end of the gap.

    Raises the mint's errors; BadSignature when a signature is not the mint's.
    """
    empty, used = 0, False
    while empty < (gap.used if used else gap.unused) and first + BATCH <= MAX_COUNTER:
        blanks = await asyncio.to_thread(
            make_outputs, seed, keyset.id, [0] * BATCH, first_counter=first
        )
        restored = await ask(partial(mint.restore, blanks))
        found = await _finished(blanks, restored, keyset)
        states = await ask(partial(mint.check_state, [proof.y for proof in found]))
        signed = Signed(first, found, states)
        yield signed
        first += BATCH
        used = used or bool(found)
        empty = first - signed.next_counter if found else empty + BATCH


async def _finished(
    blanks: Sequence[PreparedOutput], restored: Sequence[Restored], keyset: Keyset
) -> list[OwnProof]:
    outputs = [blanks[entry.index] for entry in restored]
    signatures = [entry.signature for entry in restored]
    return await asyncio.to_thread(finish, outputs, signatures, keyset)
