"""What can happen next. Every rule decides by whole numbers, wherever these come from.

A rule that finds nothing to work on does something near it, so that any rule may follow any other.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeVar

from routstr.auth.service import Payer
from routstr.money import Unit
from routstr.wallet import token as tokens
from routstr.wallet.keysets import input_fee
from routstr.wallet.token import Token
from tests.fuzz import lifecycle
from tests.fuzz.mint import BriefSigner, TalliedMint
from tests.fuzz.model import End
from tests.fuzz.operations import (
    PlaceHold,
    Receive,
    Recover,
    Redeem,
    Release,
    Settle,
    Sweep,
    UserToken,
    Watch,
)
from tests.fuzz.refunding import GiveBack
from tests.fuzz.troubles import CALLS, COMMITS, DEADLY, SLOW_S
from tests.fuzz.world import FIRST, SECOND, Act, World

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
    fresh = _buy(scope)
    return Act(scope.node(), Receive(fresh, _write(scope, fresh), None, scope.choices.percent(30)))


def top_up(scope: Scope) -> Act:
    if not scope.keys:
        fresh = _buy(scope)
        return Act(scope.node(), Receive(fresh, _write(scope, fresh), None))
    fresh = _buy(scope)
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
    known = scope.choices.pick(scope.tokens) if scope.tokens else _buy(scope)
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
    gifts = [gift for gift in scope.world.gifts[-20:] if gift.account in accounts]
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
    place_hold: 30,
    settle: 24,
    release: 8,
    create: 3,
    top_up: 6,
    same_token: 4,
    overlapping_token: 2,
    spend_elsewhere: 1,
    give_back: 7,
    claim: 4,
    watch_claims: 1,
    sweep: 2,
    recover: 2,
}
"""Rules of one request each, and how often they come."""
_PLANNERS: Final[tuple[Planner, ...]] = tuple(
    chain.from_iterable([p] * n for p, n in PLANNERS.items())
)


async def do(scope: Scope, planner: Planner) -> None:
    """One client asks."""
    await _perform(scope.world, planner(scope))


_ON_TOKENS: Final[tuple[Planner, ...]] = (
    same_token,
    same_token,
    same_token,
    overlapping_token,
    spend_elsewhere,
)
_ON_MONEY: Final[tuple[Planner, ...]] = (
    place_hold,
    settle,
    release,
    give_back,
    top_up,
    claim,
    sweep,
    watch_claims,
)
_AT_MINTS: Final[tuple[Planner, ...]] = (give_back, give_back, top_up, create)


async def at_once(scope: Scope) -> None:
    """Several ask together: about one key, about one new token, at the mints, or about anything."""
    choices = scope.choices
    theme = choices.below(10)
    near, planners = scope, _PLANNERS
    if theme < 4:
        near, planners = scope.narrow(), _ON_MONEY
    elif theme < 7:
        near, planners = replace(scope.narrow(), tokens=(_buy(scope),)), _ON_TOKENS
    elif theme < 9:
        planners = _AT_MINTS
    acts = [choices.pick(planners)(near) for _ in range(2 + choices.below(3))]
    if choices.percent(12):
        acts[0] = acts[0]._replace(hasty=choices.below(12))
    if choices.percent(25):
        acts = [act._replace(delay_s=_delay(scope)) for act in acts]
        _slow_down(scope.world, slow=True)
    await _perform(scope.world, *acts)
    _slow_down(scope.world, slow=False)


async def die(scope: Scope) -> None:
    """A node dies in the middle of something, and a new one starts and recovers."""
    choices, index = scope.choices, scope.node()
    scope.world.nodes[index].fate.arm(choices.pick(DEADLY), at=1 + choices.below(4))
    near = scope.narrow()
    planners = choices.pick((_PLANNERS, _AT_MINTS, _ON_MONEY))
    acts = [choices.pick(planners)(near) for _ in range(1 + choices.below(2))]
    await _perform(scope.world, *(_moved(act, index) for act in acts))
    await lifecycle.crash(scope.world, index, noticed=choices.percent(70))
    await scope.world.step(Act(index, Recover()))


async def take_over(scope: Scope) -> None:
    """A node seems gone while it speaks to a mint, and the other one takes its operation over."""
    choices, index = scope.choices, scope.node()
    lifecycle.silence(scope.world, index)
    _slow_down(scope.world, slow=True)
    act = _moved(choices.pick(_AT_MINTS)(scope), index)
    other = 1 - index
    await _perform(scope.world, act, Act(other, Recover(), delay_s=_delay(scope)))
    _slow_down(scope.world, slow=False)
    await lifecycle.come_back(scope.world, index)


async def settle_late(scope: Scope) -> None:
    """A hold expires because its node seems gone, its money is spent, then its request ends."""
    choices, index = scope.choices, scope.node()
    near = scope.narrow()
    placed = _moved(place_hold(near), index)
    await _perform(scope.world, placed)
    holds = sorted(scope.world.nodes[index].live)
    lifecycle.silence(scope.world, index)
    await _perform(scope.world, Act(1 - index, Sweep()))
    await _perform(scope.world, choices.pick((give_back, place_hold, top_up))(near))
    if holds:
        cost = choices.pick((1, 5_000, 1 << 40))
        await _perform(scope.world, Act(index, Settle(holds[-1], cost)))
    await lifecycle.come_back(scope.world, index)


async def fall_silent(scope: Scope) -> None:
    lifecycle.silence(scope.world, scope.node())


async def come_back(scope: Scope) -> None:
    """Silent nodes are seen again, dead ones are known to be dead."""
    for index in range(len(scope.world.nodes)):
        await lifecycle.come_back(scope.world, index)
    lifecycle.notice(scope.world)


async def let_time_pass(scope: Scope) -> None:
    scope.world.ground.clock.advance(seconds=scope.choices.pick((1, 31, 700)))


async def mint_trouble(scope: Scope) -> None:
    """A mint errs, mostly while something moves there."""
    choices, index = scope.choices, scope.node()
    scope.world.nodes[index].fate.arm(choices.pick(CALLS), at=choices.pick((1, 1, 1, 2, 2, 3, 4)))
    await _perform(scope.world, _moved(choices.pick(_AT_MINTS)(scope), index))


async def database_trouble(scope: Scope) -> None:
    """A commit fails, or nobody knows whether it did."""
    choices, index = scope.choices, scope.node()
    node = scope.world.nodes[index]
    node.fate.arm(choices.pick(COMMITS[node.db.dialect]), at=1 + choices.below(3))
    planners = choices.pick((_PLANNERS, _AT_MINTS))
    await _perform(scope.world, _moved(choices.pick(planners)(scope), index))


async def rotate_keys(scope: Scope) -> None:
    """A mint signs with other keys from now on."""
    choices = scope.choices
    mint = scope.world.mint(choices.pick((FIRST, SECOND)))
    fee = choices.pick((100, 250) if mint.url == SECOND else (0, 1))
    mint.rotate(BriefSigner(fee=fee, version=1 + choices.below(2)))


Rule = Callable[[Scope], Awaitable[None]]
OTHERS: Final[dict[Rule, int]] = {
    at_once: 12,
    die: 1,
    take_over: 2,
    settle_late: 2,
    fall_silent: 1,
    come_back: 2,
    let_time_pass: 2,
    mint_trouble: 4,
    database_trouble: 3,
    rotate_keys: 1,
}
"""Rules of several requests, or of none."""


async def _perform(world: World, *acts: Act) -> None:
    for act, answer in zip(acts, await world.step(*acts), strict=True):
        await lifecycle.learn_key(world, act, answer)


def _moved(act: Act, index: int) -> Act:
    """The same at another node; a user's own doing happens at no node."""
    return act if isinstance(act.operation, Redeem) else act._replace(node=index)


def _delay(scope: Scope) -> float:
    """Anywhere in an operation at slow mints."""
    return scope.choices.below(12) * SLOW_S / 4


def _slow_down(world: World, *, slow: bool) -> None:
    for node in world.nodes:
        node.fate.slow = slow


def _buy(scope: Scope) -> UserToken:
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
