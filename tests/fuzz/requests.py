"""What clients may ask for next. Every choice is made by whole numbers, wherever these come from.

A request that finds nothing to be about is for something near it, so that any may follow any other.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeVar

from routstr.auth.service import Payer
from routstr.money import Unit
from routstr.wallet import token as tokens
from routstr.wallet.keysets import input_fee
from routstr.wallet.token import Token
from tests.fuzz.holding import PlaceHold, Release, Settle
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import End
from tests.fuzz.outside import FIRST, SECOND
from tests.fuzz.receiving import Receive, UserToken
from tests.fuzz.refunding import GiveBack
from tests.fuzz.tasks import Recover, Redeem, Sweep, Watch
from tests.fuzz.world import Act, World

T = TypeVar("T")

KEYS_MAX: Final = 10
TOKENS_MAX: Final = 150
_LARGE: Final = 1 << 30


class Choices:
    """Decisions by whole numbers: those given, then as many more as are needed."""

    def __init__(self, numbers: Iterable[int]) -> None:
        first = tuple(numbers)
        more = random.Random(repr(first))
        self._numbers = chain(first, iter(lambda: more.randrange(_LARGE), None))

    def below(self, limit: int) -> int:
        return next(self._numbers) % limit

    def pick(self, offer: Sequence[T]) -> T:
        return offer[self.below(len(offer))]

    def percent(self, chance: int) -> bool:
        return self.below(100) < chance


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule may choose from: everything, or little, so that several meet."""

    world: World
    choices: Choices
    keys: Sequence[Payer]
    tokens: Sequence[UserToken]

    @classmethod
    def wide(cls, world: World, choices: Choices) -> "Scope":
        return cls(world, choices, tuple(world.keys), tuple(world.tokens))

    def narrow(self) -> "Scope":
        """One key, one token."""
        choices = self.choices
        keys = (choices.pick(self.keys),) if self.keys else ()
        some = (choices.pick(self.tokens),) if self.tokens else ()
        return replace(self, keys=keys, tokens=some)

    def node(self) -> int:
        return self.choices.below(len(self.world.nodes))


Planner = Callable[[Scope], Act]


def create(scope: Scope) -> Act:
    """A new key, or with many keys a top-up."""
    if len(scope.world.keys) >= KEYS_MAX:
        return top_up(scope)
    fresh = buy(scope)
    return Act(scope.node(), Receive(fresh, _write(scope, fresh), None, scope.choices.percent(30)))


def top_up(scope: Scope) -> Act:
    if not scope.keys:
        fresh = buy(scope)
        return Act(scope.node(), Receive(fresh, _write(scope, fresh), None))
    fresh = buy(scope)
    payer = scope.choices.pick(scope.keys)
    return Act(scope.node(), Receive(fresh, _write(scope, fresh), payer))


def same_token(scope: Scope) -> Act:
    """A token that was seen before, written anew, for whatever purpose."""
    if not scope.tokens:
        return top_up(scope)
    again = scope.choices.pick(scope.tokens)
    payer = scope.choices.pick([*scope.keys, None])
    if len(scope.world.keys) >= KEYS_MAX and scope.keys:
        payer = payer or scope.keys[0]
    return Act(scope.node(), Receive(again, _write(scope, again), payer))


def overlapping_token(scope: Scope) -> Act:
    """A part of a token that was seen before, with other proofs beside it or without."""
    if not scope.tokens or not scope.keys:
        return top_up(scope)
    known = scope.choices.pick(scope.tokens)
    part = known.token.proofs[: 1 + scope.choices.below(len(known.token.proofs))]
    if scope.choices.percent(50):
        signer = known.mint.signers[part[0].keyset_id]
        part += known.mint.token(8, signer=signer, dleq=False).proofs
    mixed = _remember(scope, replace(known.token, proofs=part), known.mint)
    payer = scope.choices.pick(scope.keys)
    return Act(scope.node(), Receive(mixed, _write(scope, mixed), payer))


def spend_elsewhere(scope: Scope) -> Act:
    """A user redeems their token without the node."""
    known = scope.choices.pick(scope.tokens) if scope.tokens else buy(scope)
    return Act(0, Redeem(known.token, known.mint, None, known.token.unit))


def place_hold(scope: Scope) -> Act:
    if not scope.keys:
        return create(scope)
    choices, world = scope.choices, scope.world
    account = choices.pick(scope.keys).account
    available = world.model.accounts[account].available
    amounts = (available, available // 2, available + 1, 1_000, 7_777, 3_000, 1, 0)
    wanted = choices.pick(amounts)
    minimum = choices.pick((0, wanted // 2, wanted, wanted, wanted + 1))
    request = f"request-{world.operations}-{choices.below(_LARGE)}"
    return Act(scope.node(), PlaceHold(account, minimum, wanted, request))


def settle(scope: Scope) -> Act:
    """What the request cost is below, at or above what was held."""
    hold = _hold(scope)
    if hold is None:
        return place_hold(scope)
    amount = scope.world.model.holds[hold].amount
    cost = scope.choices.pick((amount // 2, amount, amount + 1, 3 * amount, 1, 0))
    index = _owner(scope, hold)
    return Act(index, Settle(hold, scope.world.nodes[index].owed.get(hold, cost)))


def release(scope: Scope) -> Act:
    hold = _hold(scope)
    return place_hold(scope) if hold is None else Act(_owner(scope, hold), Release(hold))


def give_back(scope: Scope) -> Act:
    """Mostly of a key that has something and is not in use."""
    if not scope.keys:
        return create(scope)
    accounts = scope.world.model.accounts
    ready = [k for k in scope.keys if not accounts[k.account].held and accounts[k.account].total]
    keys = ready if ready and scope.choices.percent(75) else scope.keys
    return Act(scope.node(), GiveBack(scope.choices.pick(keys)))


def claim(scope: Scope) -> Act:
    """A user redeems what was given back, perhaps only a part of it."""
    accounts = {key.account for key in scope.keys}
    gifts = [gift for gift in scope.world.outside.gifts[-20:] if gift.account in accounts]
    if not gifts:
        return give_back(scope)
    gift = scope.choices.pick(gifts)
    mint, proofs = scope.world.mint(gift.token.mint), gift.token.proofs
    left = tuple(proof for proof in proofs if not mint.is_spent(proof.y()))
    if scope.choices.percent(30):
        left = left[:1]
    part = replace(gift.token, proofs=left)
    return Act(0, Redeem(part, mint, gift.saga, gift.token.unit))


def sweep(scope: Scope) -> Act:
    return Act(scope.node(), Sweep())


def recover(scope: Scope) -> Act:
    return Act(scope.node(), Recover())


def watch_claims(scope: Scope) -> Act:
    return Act(scope.node(), Watch())


PLANNERS: Final[dict[Planner, int]] = {
    place_hold: 40,
    settle: 34,
    release: 9,
    create: 2,
    top_up: 4,
    same_token: 3,
    overlapping_token: 1,
    spend_elsewhere: 1,
    give_back: 5,
    claim: 5,
    watch_claims: 1,
    sweep: 2,
    recover: 1,
}
"""Rules of one request each, and how often they come."""
ALL: Final[tuple[Planner, ...]] = tuple(chain.from_iterable([p] * n for p, n in PLANNERS.items()))


def buy(scope: Scope) -> UserToken:
    """A user buys a new token, of few proofs."""
    choices = scope.choices
    url, unit = choices.pick(((FIRST, Unit.SAT), (FIRST, Unit.MSAT), (SECOND, Unit.SAT)))
    mint = scope.world.mint(url)
    signers = [s for s in mint.signers.values() if s.info.active and s.info.unit == unit]
    largest = 8 if unit is Unit.SAT else 17
    amounts = [1 << choices.below(largest) for _ in range(1 + choices.below(3))]
    made = mint.token(*amounts, signer=signers[0], dleq=choices.percent(20))
    return _remember(scope, made, mint)


def _remember(scope: Scope, made: Token, mint: TalliedMint) -> UserToken:
    infos = (mint.signers[proof.keyset_id].info for proof in made.proofs)
    net = made.amount - input_fee(info.input_fee_ppk for info in infos)
    one = UserToken(made, frozenset(tokens.ys(made)), int(made.unit.to_msat(net)), mint)
    scope.world.tokens.append(one)
    del scope.world.tokens[:-TOKENS_MAX]
    return one


def _write(scope: Scope, one: UserToken) -> str:
    """One of the ways to write a token."""
    proofs = one.token.proofs[:: scope.choices.pick((1, -1))]
    encode = scope.choices.pick((tokens.encode_a, tokens.encode_b))
    return encode(replace(one.token, proofs=proofs))


def _hold(scope: Scope) -> int | None:
    """Mostly an open one, of the keys in scope."""
    accounts = {key.account for key in scope.keys}
    known = [(h, it) for h, it in scope.world.model.holds.items() if it.account in accounts]
    open_ones = [hold for hold, it in known if it.end is End.OPEN]
    if open_ones and not scope.choices.percent(12):
        return scope.choices.pick(open_ones)
    return scope.choices.pick([hold for hold, _ in known]) if known else None


def _owner(scope: Scope, hold: int) -> int:
    """Mostly the node that placed it."""
    nodes = scope.world.nodes
    owners = [index for index, node in enumerate(nodes) if hold in node.live | node.owed.keys()]
    if not owners or scope.choices.percent(10):
        return scope.node()
    return owners[0]
