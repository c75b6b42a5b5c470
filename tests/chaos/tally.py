"""What clients have written down, compared with the node's books, to the msat. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.identity import cost

_SAT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its client knows it. Amounts in msat.

    ``request_id`` is empty and ``status`` 0 when no answer began; ``told`` is the cost that the
    answer named, None when it named none or ended before. ``words`` are what it asks for;
    ``input_tokens`` and ``estimate`` are those of its prompt, as a provider and as the node counts
    them: no other request of this client has the same.
    """

    mark: str
    words: int
    input_tokens: int
    estimate: int
    request_id: str = ""
    status: int = 0
    told: int | None = None

    @property
    def price(self) -> int:
        return cost(self.input_tokens, self.words)


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a repeat with the same Idempotency-Key was told, after all was healed.

    ``charged``, in msat, under that id; ``anew``: nothing had been charged, so it was served now.
    """

    request_id: str
    charged: int
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge in the node's history of a key, with what its receipt says."""

    request_id: str
    msat: int
    receipt: int
    input_tokens: int
    output_tokens: int
    estimated: bool = False

    def is_of(self, asked: Asked) -> bool:
        """Whether it counts the prompt of this request."""
        wanted = asked.estimate if self.estimated else asked.input_tokens
        return self.input_tokens == wanted


@dataclass(frozen=True, slots=True)
class KeyBook:
    """A key: its client's receipts, and what the node says of it. Amounts in msat.

    ``repeats`` by mark.
    """

    name: str
    paid_in: int
    returned: int
    balance: int
    reserved: int
    asked: Sequence[Asked]
    repeats: Mapping[str, Repeat]
    charges: Sequence[Charge]


@dataclass(frozen=True, slots=True)
class Single:
    """A token that paid for one request. ``returned`` is what came back and was redeemed.

    ``receipt``: what the node's receipt says that it cost, None without one.
    """

    asked: Asked
    face: int
    returned: int
    receipt: int | None = None


def of_key(book: KeyBook, served: Collection[str]) -> list[str]:
    """What does not agree; ``served`` are the marks that a provider had seen before the repeats."""
    return [f"{book.name}: {trouble}" for trouble in _of_key(book, served)]


def _of_key(book: KeyBook, served: Collection[str]) -> Iterator[str]:
    spent = sum(charge.msat for charge in book.charges)
    if book.balance != (due := book.paid_in - spent - book.returned):
        yield f"balance {book.balance}, but {due} is left of what was paid in"
    if book.reserved:
        yield f"{book.reserved} are still reserved"
    times = Counter(charge.request_id for charge in book.charges)
    yield from (f"request {one} was charged {n} times" for one, n in times.items() if n > 1)
    booked = {charge.request_id: charge for charge in book.charges}
    silent = []
    for asked in book.asked:
        repeat = book.repeats.get(asked.mark)
        charge = booked.pop(asked.request_id, None) if asked.request_id else None
        if asked.request_id:
            yield from _answered(asked, charge, served)
        if repeat is not None:
            yield from _repeated(asked, charge, repeat, booked.pop(repeat.request_id, charge))
            if not repeat.anew and asked.mark not in served:
                yield f"{asked.mark}: {repeat} for what no provider has seen"
        elif not asked.request_id:
            silent.append(asked)
    yield from _unanswered(list(booked.values()), silent, served)


def _answered(asked: Asked, charge: Charge | None, served: Collection[str]) -> Iterator[str]:
    charged = charge.msat if charge else 0
    if asked.told is not None and asked.told != charged:
        yield f"{asked.mark}: told {asked.told}, charged {charged}"
    if asked.status >= 400 and charged:
        yield f"{asked.mark}: failed with {asked.status} and was charged {charged}"
    if charge is None:
        return
    whole = asked.told is not None and not charge.estimated
    if whole and asked.told != asked.price:
        yield f"{asked.mark}: told {asked.told}, the price is {asked.price}"
    yield from _charged(asked, charge)
    if asked.mark not in served:
        yield f"{asked.mark}: charged {charged}, no provider has seen it"


def _charged(asked: Asked, charge: Charge) -> Iterator[str]:
    """It must be for this prompt, at most for these words, and at the price of both."""
    due = cost(charge.input_tokens, charge.output_tokens)
    agreed = charge.msat == charge.receipt == due
    if not (agreed and charge.is_of(asked) and charge.output_tokens <= asked.words):
        yield f"{asked.mark}: {charge} for {asked}, {due} is due"


def _repeated(
    asked: Asked, first: Charge | None, repeat: Repeat, charge: Charge | None
) -> Iterator[str]:
    """Asked twice, it was charged once: the first time or the second."""
    if charge is None or charge.msat != repeat.charged:
        yield f"{asked.mark}: the repeat was told {repeat}, booked is {charge}"
        return
    another = asked.request_id and repeat.request_id != asked.request_id
    if (repeat.anew and first is not None) or (another and not repeat.anew):
        yield f"{asked.mark}: {first}, and the repeat was told {repeat}"
    yield from _charged(asked, charge)
    if repeat.anew and charge.msat != asked.price:
        yield f"{asked.mark}: the repeat was charged {charge.msat}, the price is {asked.price}"


def _unanswered(
    charges: Sequence[Charge], silent: Sequence[Asked], served: Collection[str]
) -> Iterator[str]:
    """Each charge that nobody was told of is that of one request without an answer."""
    left = list(silent)
    for charge in charges:
        asked = next((one for one in left if charge.is_of(one)), None)
        if asked is None:
            yield f"{charge} is of no request that is without an answer"
            continue
        left.remove(asked)
        yield from _charged(asked, charge)
        if asked.mark not in served:
            yield f"{asked.mark}: {charge}, no provider has seen it"


def of_single(single: Single, served: Collection[str]) -> list[str]:
    """What does not agree about a token that paid for one request."""
    asked, mark = single.asked, single.asked.mark
    whole = _change(single.face, 0)
    least = _change(single.face, asked.price)
    if asked.told is not None:
        right = single.returned == _change(single.face, asked.told) and mark in served
        right = right and single.receipt == asked.told
    elif asked.status >= 400 or mark not in served:
        right = single.returned == whole and single.receipt is None
    elif single.receipt is not None:
        right = single.returned == _change(single.face, single.receipt)
    else:
        right = single.returned in {least, whole}
    if right:
        return []
    return [f"{mark}: paid {single.face}, {single.returned} came back, {single}"]


def _change(face: int, spent: int) -> int:
    """Tokens are whole sat."""
    return (face - spent) // _SAT * _SAT


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
