"""Whoever gave a foreign mint's token gets what came of it: its worth, and what was left over."""

from dataclasses import replace

from routstr.payment.deposits import FOREIGN_CREATE
from routstr.wallet.token import encode_b
from tests.fuzz.explain import Broken
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.learning import create
from tests.fuzz.passing import Pass
from tests.fuzz.passings import Wish, credits_of
from tests.fuzz.records import BEARER
from tests.fuzz.tasks import Redeem
from tests.fuzz.world import Act, World


async def collect(world: World) -> None:
    """Let everybody ask again with their token; what they are told then is all that there is."""
    model = world.model
    for ys, wish in world.wishes.items():
        mint, known = wish.given.mint, model.passings.get(ys)
        if not isinstance(mint, ForeignMint) or mint.lied_about(ys):
            continue
        if known is not None or credits_of(model, ys):
            await _ask(world, wish)
        if known is not None and known.invoice not in world.model.deposits:
            raise Broken(f"a token has paid, and nobody has its money: {known}")
    _require_told(world)
    for gift in [gift for gift in world.outside.gifts if gift.account == BEARER]:
        mint = world.ground.mints[gift.token.mint]
        left = tuple(proof for proof in gift.token.proofs if not mint.is_spent(proof.y()))
        rest = replace(gift.token, proofs=left)
        await world.step(Act(0, Redeem(rest, mint, gift.saga, rest.unit)))


async def _ask(world: World, wish: Wish) -> None:
    """For whatever it became, or may yet become when nobody knows."""
    came = credits_of(world.model, wish.given.ys)
    ends = {(it.purpose, it.account) for it in came} or wish.ends
    for purpose, account in sorted(ends, key=str):
        payers = [key for key in world.keys if key.account == account]
        payer = None if purpose == FOREIGN_CREATE else payers[0]
        await create(world, Act(0, Pass(wish.given, encode_b(wish.given.token), payer)))


def _require_told(world: World) -> None:
    """Each change is in its owner's hands; a key that was rotated is nobody's with that token."""
    model = world.model
    told = {gift.saga for gift in world.outside.gifts}
    for ys, known in model.passings.items():
        came = model.deposits.get(known.invoice)
        if came is None or known.saga in told or known.saga not in model.refunds:
            continue
        rotated = model.account(came.account).generation > 0
        if came.purpose != FOREIGN_CREATE or not rotated:
            raise Broken(f"the change of {known} cannot be had: {world.wishes[ys].given}")
