"""What clients have written down, compared with the node's books, to the msat. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_SAT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its client knows it. Amounts in msat.

    ``request_id`` is empty and ``status`` 0 when no answer began; ``told`` is the cost that the
    answer named, None when it named none or ended before.
    """

    mark: str
    price: int
    request_id: str = ""
    status: int = 0
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge in the node's history of a key."""

    request_id: str
    msat: int


@dataclass(frozen=True, slots=True)
class KeyBook:
    """A key: its client's receipts, and what the node says of it. Amounts in msat."""

    name: str
    paid_in: int
    returned: int
    balance: int
    reserved: int
    asked: Sequence[Asked]
    charges: Sequence[Charge]


@dataclass(frozen=True, slots=True)
class Single:
    """A token that paid for one request. ``returned`` is what came back and was redeemed."""

    asked: Asked
    face: int
    returned: int


def of_key(book: KeyBook, served: Collection[str]) -> list[str]:
    """What does not agree; ``served`` are the marks that a provider has seen."""
    return [f"{book.name}: {trouble}" for trouble in _of_key(book, served)]


def _of_key(book: KeyBook, served: Collection[str]) -> Iterator[str]:
    spent = sum(charge.msat for charge in book.charges)
    if book.balance != (due := book.paid_in - spent - book.returned):
        yield f"balance {book.balance}, but {due} is left of what was paid in"
    if book.reserved:
        yield f"{book.reserved} are still reserved"
    times = Counter(charge.request_id for charge in book.charges)
    yield from (f"request {one} was charged {n} times" for one, n in times.items() if n > 1)
    booked = {charge.request_id: charge.msat for charge in book.charges}
    for asked in book.asked:
        if asked.request_id:
            yield from _answered(asked, booked.pop(asked.request_id, 0), served)
    lost = [one.price for one in book.asked if not one.request_id and one.mark in served]
    yield from _unmatched(sorted(booked.values(), reverse=True), sorted(lost, reverse=True))


def _answered(asked: Asked, charged: int, served: Collection[str]) -> Iterator[str]:
    if asked.told is not None and asked.told != charged:
        yield f"{asked.mark}: told {asked.told}, charged {charged}"
    if asked.told is not None and asked.told != asked.price:
        yield f"{asked.mark}: told {asked.told}, the price is {asked.price}"
    if asked.status >= 400 and charged:
        yield f"{asked.mark}: failed with {asked.status} and was charged {charged}"
    if charged > asked.price:
        yield f"{asked.mark}: charged {charged}, the price is {asked.price}"
    if charged and asked.mark not in served:
        yield f"{asked.mark}: charged {charged}, no provider has seen it"


def _unmatched(charges: Sequence[int], prices: Sequence[int]) -> Iterator[str]:
    """Each charge without an answer needs a request without an answer that cost as much."""
    if len(charges) > len(prices):
        yield f"{len(charges)} charges without an answer, {len(prices)} such requests were served"
    for charge, price in zip(charges, prices, strict=False):
        if charge > price:
            yield f"a charge of {charge} without an answer, the dearest such request is {price}"


def of_single(single: Single, served: Collection[str]) -> list[str]:
    """What does not agree about a token that paid for one request."""
    asked, mark = single.asked, single.asked.mark
    whole = _change(single.face, 0)
    least = _change(single.face, asked.price)
    if asked.told is not None:
        wanted = _change(single.face, asked.told)
        right = single.returned == wanted and asked.told == asked.price and mark in served
    elif asked.status >= 400 or mark not in served:
        right = single.returned == whole
    else:
        right = least <= single.returned <= whole
    if right:
        return []
    return [f"{mark}: paid {single.face}, {single.returned} came back, {asked}"]


def _change(face: int, cost: int) -> int:
    """Tokens are whole sat."""
    return (face - cost) // _SAT * _SAT


def totals(paid_in: int, returned: int, owed: int, earned: int) -> list[str]:
    """All that came in and did not go out is owed to clients or earned."""
    if paid_in - returned == owed + earned:
        return []
    return [f"{paid_in} in, {returned} out; the node owes {owed} and earned {earned}"]


def at_mint(name: str, outstanding: int, node: int, purses: int) -> list[str]:
    """All ecash that is not redeemed is the node's or the clients'. In the mint's unit."""
    if outstanding == node + purses:
        return []
    return [f"{name}: {outstanding} outstanding, the node has {node}, clients {purses}"]
