"""What can be told of a token before anything is written or spent."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from routstr.errors import MintRefused, RedemptionPending, TokenAlreadySpent, TokenTooLarge
from routstr.wallet import token
from routstr.wallet.keysets import Keyset, UnknownKeyset, input_fee
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_types import ProofState
from routstr.wallet.mints import Mints, as_wallet_error
from routstr.wallet.proofs import check_proofs
from routstr.wallet.token import Token

_FEW: Final = 8
"""Curve arithmetic on so many points takes a millisecond: a thread would cost as much."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A token with full keyset ids, the keysets of its mint, and the fee for spending it."""

    mint: Mint
    token: Token
    keysets: Mapping[str, Keyset]
    fee: int
    """In the token's unit."""

    @property
    def net(self) -> int:
        """What is left of it, in its unit."""
        return self.token.amount - self.fee


class Inspector:
    """Looks at tokens. ``sat_max`` is the largest amount that is taken."""

    def __init__(self, mints: Mints, *, proofs_max: int, sat_max: int) -> None:
        self._mints = mints
        self._proofs_max = proofs_max
        self._sat_max = sat_max

    def check_size(self, given: Token) -> None:
        """Refuse what is too large to be taken; :class:`TokenTooLarge`."""
        if len(given.proofs) > self._proofs_max:
            raise TokenTooLarge(details={"proofs": len(given.proofs), "max": self._proofs_max})
        if given.unit.to_msat(given.amount).sats_up > self._sat_max:
            raise TokenTooLarge(details={"max_sat": self._sat_max})

    async def read(self, mint: Mint, given: Token, *, fresh: bool) -> Inspected:
        """Compare a token with its mint's keysets, ``fresh`` ones or as they are known."""
        keysets = await self._mints.keysets(mint, fresh=fresh)
        try:
            full = token.expand(given, keysets)
        except UnknownKeyset:
            keysets = await self._mints.keysets(mint, fresh=True)
            full = token.expand(given, keysets)
        units = {keysets[proof.keyset_id].unit for proof in full.proofs}
        if units != {given.unit.value}:
            raise MintRefused("The token's unit is not the unit of its keysets.")
        fee = input_fee(keysets[proof.keyset_id].input_fee_ppk for proof in full.proofs)
        return Inspected(mint, full, keysets, fee)

    async def verify(self, found: Inspected, ys: tuple[bytes, ...]) -> None:
        """Check the proofs' signatures as far as possible, and that nobody has spent them."""
        proofs = found.token.proofs
        await in_thread(len(proofs), check_proofs, proofs, found.keysets)
        try:
            states = await found.mint.check_state(ys)
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            raise as_wallet_error(error) from error
        if ProofState.SPENT in states:
            raise TokenAlreadySpent
        if ProofState.PENDING in states:
            raise RedemptionPending("The mint is spending a part of this token right now.")


async def in_thread(count: int, fn: Any, *args: Any) -> Any:  # noqa: ANN401 - a pass-through
    """Run curve arithmetic on many points off the event loop, on few right here."""
    return fn(*args) if count <= _FEW else await asyncio.to_thread(fn, *args)
