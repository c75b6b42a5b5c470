"""Which proofs are worth renewing, and for which others. Pure.

Two reasons. A keyset that is inactive or about to expire is left while its mint still takes its
proofs. And proofs pile up: a node is paid in small amounts, so that in time it has hundreds of
proofs of 1 and 2; giving back a balance then takes more of them than a token or a call to a mint
may have. Too many of one amount become few of larger ones; what is made for that fills the gaps, so
that most amounts can be given without asking the mint first.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from routstr.wallet.amounts import MAX_OUTPUTS, CannotSplit, split
from routstr.wallet.keysets import Keyset, input_fee

INPUTS_MAX: Final = 100
"""Of one swap: mints bound the length of a request."""
SPARE: Final = 2
"""How many of each amount are made before larger ones are."""
EXPIRY_SOON_S: Final = 7 * 86_400
_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Stocked:
    """A free proof: what it is worth, what spending it costs (ppk), and of which keyset it is."""

    id: int
    amount: int
    fee_ppk: int
    keyset_id: str


@dataclass(frozen=True, slots=True)
class Tidying:
    """A swap: these proofs, by their ids, for proofs of these amounts, less the mint's fee."""

    ids: tuple[int, ...]
    gross: int
    fee: int
    amounts: tuple[int, ...]


def plan(
    stock: Sequence[Stocked],
    keysets: Mapping[str, Keyset],
    target: Keyset,
    *,
    per_amount_max: int,
    now_s: int,
) -> Tidying | None:
    """Choose the proofs to renew next at one mint in one unit, at most 100; None when all is well.

    ``target`` is the keyset of the new ones. A proof that costs what it is worth stays.
    """
    worthy = [proof for proof in stock if proof.amount * 1000 > proof.fee_ppk]
    leaving = _leaving(worthy, keysets, target, now_s)
    chosen = (leaving or _crowding(worthy, max(target.keys), per_amount_max))[:INPUTS_MAX]
    gross = sum(proof.amount for proof in chosen)
    fee = input_fee(proof.fee_ppk for proof in chosen)
    if gross <= fee:
        return None
    taken = {proof.id for proof in chosen}
    rest = Counter(proof.amount for proof in stock if proof.id not in taken)
    pieces_max = MAX_OUTPUTS if leaving else len(chosen) // 2
    try:
        amounts = spread(gross - fee, rest, target.keys)
        if len(amounts) > pieces_max:
            amounts = split(gross - fee, target.keys)
    except CannotSplit:
        return None
    if len(amounts) > pieces_max:
        return None  # it is paid for, so it has to be worth it
    return Tidying(tuple(sorted(taken)), gross, fee, tuple(amounts))


def spread(amount: int, have: Mapping[int, int], denominations: Mapping[int, bytes]) -> list[int]:
    """Split an amount, ascending: first what there is too little of, then few pieces.

    Raises :class:`CannotSplit`, as :func:`routstr.wallet.amounts.split` does.
    """
    pieces: list[int] = []
    rest = amount
    for piece in sorted(denominations):
        for _ in range(max(0, SPARE - have.get(piece, 0))):
            if piece > rest:
                return sorted(pieces + split(rest, denominations))
            pieces.append(piece)
            rest -= piece
    return sorted(pieces + split(rest, denominations))


def _leaving(
    stock: Sequence[Stocked], keysets: Mapping[str, Keyset], target: Keyset, now_s: int
) -> list[Stocked]:
    """Proofs whose keyset comes to its end: the earliest end first, then the largest amount."""

    def ends(proof: Stocked) -> int | None:
        keyset = keysets.get(proof.keyset_id)
        if keyset is None or keyset.id == target.id:
            return None
        soon = keyset.final_expiry and keyset.final_expiry < now_s + EXPIRY_SOON_S
        return (keyset.final_expiry or _NEVER) if soon or not keyset.active else None

    found = [(end, proof) for proof in stock if (end := ends(proof)) is not None]
    return [proof for _, proof in sorted(found, key=lambda f: (f[0], -f[1].amount, f[1].id))]


def _crowding(stock: Sequence[Stocked], largest: int, per_amount_max: int) -> list[Stocked]:
    """What there is of an amount beyond half of the most: the smallest amounts first.

    The dearest to spend go: they are so whoever spends them.
    """
    by_amount: defaultdict[int, list[Stocked]] = defaultdict(list)
    for proof in stock:
        by_amount[proof.amount].append(proof)
    chosen: list[Stocked] = []
    for amount, proofs in sorted(by_amount.items()):
        if len(proofs) > per_amount_max and amount < largest:
            proofs.sort(key=lambda proof: (-proof.fee_ppk, proof.id))
            chosen += proofs[: len(proofs) - per_amount_max // 2]
    return chosen
