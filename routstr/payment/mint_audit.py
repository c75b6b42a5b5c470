"""Asking the mints whether the ecash in the books is there (NUT-07). Reads only.

Proofs that an open saga spends are left out: where they are is not known yet. Of a proof that a
mint calls spent it is looked up again what it is here, for a node may have spent it meanwhile.
"""

from collections.abc import AsyncIterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from routstr.core.db import Database
from routstr.money import Unit
from routstr.wallet import doubts
from routstr.wallet.doubts import Standing
from routstr.wallet.mint import BATCH, Mint
from routstr.wallet.mint_errors import MintError
from routstr.wallet.mint_types import ProofState
from routstr.wallet.mints import Mints
from routstr.wallet.models import ProofStatus
from routstr.wallet.search import Ask, patiently


class Answered(Struct, frozen=True, kw_only=True):
    """What a mint says of the proofs in one unit; amounts in ``unit``.

    ``ours`` counts as the node's, ``spent`` is what the mint calls spent of it. ``redeemed`` are
    tokens given out whose owners have redeemed them, which the node has not noticed yet.
    """

    mint: str
    unit: Unit
    ours: int = 0
    spent: int = 0
    pending: int = 0
    redeemed: int = 0
    problem: str = ""
    """Why the mint could not be asked to the end."""

    @property
    def agrees(self) -> bool:
        """Whether everything that counts as ours is there."""
        return not self.spent and not self.problem


async def ask_mints(db: Database, mints: Mints, *, ask: Ask = patiently) -> AsyncIterator[Answered]:
    """Ask every listed mint about every proof, and tell of each mint and unit."""
    for url in mints.urls:
        found: dict[Unit, Answered] = {}
        try:
            async for proof, state in _states(db, mints.mint(url), ask):
                so_far = found.get(proof.unit) or Answered(mint=url, unit=proof.unit)
                found[proof.unit] = _with(so_far, proof, state)
        except MintError as error:
            found = found or {Unit.SAT: Answered(mint=url, unit=Unit.SAT)}
            found = {unit: replace(so_far, problem=str(error)) for unit, so_far in found.items()}
        for _, answered in sorted(found.items()):
            yield answered


async def _states(db: Database, mint: Mint, ask: Ask) -> AsyncIterator[tuple[Standing, ProofState]]:
    position = 0
    while found := await db.read(
        partial(doubts.proofs, mint=mint.url, after=position, limit=BATCH)
    ):
        states = await ask(partial(mint.check_state, [proof.y for proof in found]))
        now = await db.read(partial(doubts.standing, ids=[proof.id for proof in found]))
        known = {proof.id: proof for proof in now}
        for proof, state in zip(found, states, strict=True):
            if known.get(proof.id) == proof:
                yield proof, state
        position = found[-1].id


def _with(so_far: Answered, proof: Standing, state: ProofState) -> Answered:
    amount = proof.amount
    if proof.status is ProofStatus.ISSUED:
        if state is ProofState.UNSPENT:
            return so_far
        return replace(so_far, redeemed=so_far.redeemed + amount)
    answered = replace(so_far, ours=so_far.ours + amount)
    match state:
        case ProofState.SPENT:
            return replace(answered, spent=answered.spent + amount)
        case ProofState.PENDING:
            return replace(answered, pending=answered.pending + amount)
        case _:
            return answered
