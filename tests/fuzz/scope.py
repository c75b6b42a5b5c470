"""What the next request is about: whole numbers choose, wherever these come from."""

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
from tests.fuzz.mint import TalliedMint
from tests.fuzz.offering import UserToken
from tests.fuzz.outside import FIRST, FOREIGN, SECOND
from tests.fuzz.world import Act, World

T = TypeVar("T")

KEYS_MAX: Final = 10
TOKENS_MAX: Final = 150
PLACES: Final = ((FIRST, Unit.SAT), (FIRST, Unit.MSAT), (SECOND, Unit.SAT))
FOREIGN_PLACES: Final = ((FOREIGN, Unit.SAT), (FOREIGN, Unit.SAT), (FOREIGN, Unit.MSAT))
LARGE: Final = 1 << 30


class Choices:
    """Decisions by whole numbers: those given, then as many more as are needed."""

    def __init__(self, numbers: Iterable[int]) -> None:
        first = tuple(numbers)
        more = random.Random(repr(first))
        self._numbers = chain(first, iter(lambda: more.randrange(LARGE), None))

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


def buy(scope: Scope, places: Sequence[tuple[str, Unit]] = PLACES) -> UserToken:
    """A user buys a new token, of few proofs."""
    choices = scope.choices
    url, unit = choices.pick(places)
    mint = scope.world.mint(url)
    signers = [s for s in mint.signers.values() if s.info.active and s.info.unit == unit]
    largest = 8 if unit is Unit.SAT else 17
    least = 4 if url == FOREIGN and choices.percent(85) else 0  # or the fees are more than it
    amounts = [1 << least + choices.below(largest - least) for _ in range(1 + choices.below(3))]
    made = mint.token(*amounts, signer=signers[0], dleq=choices.percent(20))
    return remember(scope, made, mint)


def remember(scope: Scope, made: Token, mint: TalliedMint) -> UserToken:
    infos = (mint.signers[proof.keyset_id].info for proof in made.proofs)
    net = made.amount - input_fee(info.input_fee_ppk for info in infos)
    one = UserToken(made, frozenset(tokens.ys(made)), int(made.unit.to_msat(net)), mint)
    scope.world.tokens.append(one)
    del scope.world.tokens[:-TOKENS_MAX]
    return one


def write(scope: Scope, one: UserToken) -> str:
    """One of the ways to write a token."""
    proofs = one.token.proofs[:: scope.choices.pick((1, -1))]
    encode = scope.choices.pick((tokens.encode_a, tokens.encode_b))
    return encode(replace(one.token, proofs=proofs))
