"""Which denominations make up an amount, and which proofs to spend for it. Pure.

Amounts are whole units of a keyset. Keysets normally hold powers of two. Others work too, but only
where each denomination divides the next are the answers the best ones, and none is missed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from routstr.wallet.keysets import input_fee

MAX_OUTPUTS: Final = 1_000
MAX_FEE_TRIES: Final = 64  # bounds the search where fees are absurdly high


class CannotSplit(ValueError):
    """The keyset's denominations cannot make up the amount."""


@dataclass(frozen=True, slots=True)
class Coin:
    """A proof as the choice sees it: its amount and the fee for spending it (ppk)."""

    amount: int
    fee_ppk: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen coins: their places in the offer, their sum, their fee, and what is over.

    ``amount - fee == target + excess``; with no excess the coins cover the target exactly.
    """

    indexes: tuple[int, ...]
    amount: int
    fee: int
    excess: int


def split(amount: int, denominations: Iterable[int]) -> list[int]:
    """Split an amount into few denominations, ascending (the order that tells a mint least).

    Raises CannotSplit when a rest stays or the pieces would be more than ``MAX_OUTPUTS``.
    """
    if amount < 0:
        raise CannotSplit("an amount is not negative")
    pieces: list[int] = []
    for denomination in sorted(set(denominations), reverse=True):
        count, amount = divmod(amount, denomination)
        if len(pieces) + count > MAX_OUTPUTS:
            raise CannotSplit(f"the amount needs more than {MAX_OUTPUTS} outputs")
        pieces += [denomination] * count
    if amount:
        raise CannotSplit("the keyset's denominations cannot make up this amount")
    return pieces[::-1]


def select(coins: Sequence[Coin], target: int, *, max_inputs: int) -> Selection | None:
    """Choose coins worth at least ``target`` after the fee for spending them, or None.

    Prefers no excess, then the smallest excess, then few inputs; among equal coins the cheaper
    one, then the earlier one in the offer. With denominations that divide each other and no fees
    the choice is the best there is; with fees it may leave a little more over than necessary, but
    a choice is found whenever there is one. Give fee 0 to select by face value.
    """
    if target <= 0:
        return Selection((), 0, 0, -target) if target == 0 else None
    order = sorted(
        (i for i, coin in enumerate(coins) if _is_worth_spending(coin)),
        key=lambda i: (-coins[i].amount, coins[i].fee_ppk, i),
    )
    best: Selection | None = None
    for indexes in _candidates(coins, order, target, max_inputs):
        found = _selection(coins, indexes, target)
        if found and (best is None or _rank(found) < _rank(best)):
            best = found
    return best


def _is_worth_spending(coin: Coin) -> bool:
    return coin.amount * 1000 > coin.fee_ppk


def _rank(selection: Selection) -> tuple[int, int]:
    return selection.excess, len(selection.indexes)


def _selection(coins: Sequence[Coin], indexes: list[int], target: int) -> Selection | None:
    amount = sum(coins[i].amount for i in indexes)
    fee = input_fee(coins[i].fee_ppk for i in indexes)
    excess = amount - fee - target
    return Selection(tuple(sorted(indexes)), amount, fee, excess) if excess >= 0 else None


def _candidates(
    coins: Sequence[Coin], order: list[int], target: int, max_inputs: int
) -> Iterator[list[int]]:
    """Offer sets of at most ``max_inputs`` coins among which the best is looked for."""
    by_worth = sorted(order, key=lambda i: coins[i].fee_ppk - coins[i].amount * 1000)
    yield from _largest_first(coins, by_worth[:max_inputs], target)
    # what a set must add up to depends on its fee, which depends on the set: try each fee
    fees_ppk = sorted((coins[i].fee_ppk for i in order), reverse=True)
    highest_fee = input_fee(fees_ppk[:max_inputs])
    for fee in range(min(highest_fee, MAX_FEE_TRIES) + 1):
        yield from _descending(coins, order, target + fee, max_inputs)


def _largest_first(coins: Sequence[Coin], by_worth: list[int], target: int) -> Iterator[list[int]]:
    """The fewest coins that can do it: whenever any choice exists, this one does."""
    for count in range(1, len(by_worth) + 1):
        if _selection(coins, by_worth[:count], target):
            yield by_worth[:count]
            return


def _descending(
    coins: Sequence[Coin], order: list[int], amount: int, max_inputs: int
) -> Iterator[list[int]]:
    """Walk down the coins taking each that fits, and offer each first coin too large to fit.

    With denominations that divide each other, one of these sets has the smallest sum that is not
    below ``amount``: it either fits exactly or rounds up at one denomination.
    """
    taken: list[int] = []
    rest = amount
    offered = 0
    for i in order:
        if len(taken) == max_inputs:
            return
        coin = coins[i].amount
        if coin <= rest:
            taken.append(i)
            rest -= coin
            if rest == 0:
                yield taken
                return
        elif coin != offered:
            offered = coin
            yield [*taken, i]
