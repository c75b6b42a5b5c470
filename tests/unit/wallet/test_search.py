"""What a mint has signed is found by its numbers."""

from dataclasses import dataclass, replace

import pytest

from routstr.wallet.crypto import hash_to_curve
from routstr.wallet.mint_errors import (
    BadSignature,
    MintBusy,
    MintDown,
    MintError,
    MintRefusal,
    MintUnclear,
)
from routstr.wallet.mint_types import ProofState
from routstr.wallet.search import GAP, GAP_USED, Gap, Signed, patiently, search
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import SEED


@pytest.fixture
def mint() -> PlayedMint:
    return PlayedMint()


def sign(mint: PlayedMint, counter: int, amount: int = 4) -> bytes:
    """The mint has signed this number for the seed; returns the proof's point."""
    signer = next(iter(mint.signers.values()))
    (output,) = signer.outputs([amount], first_counter=counter)
    mint.signed[output.blinded] = signer.sign(output)
    return hash_to_curve(output.secret.encode())


async def found(mint: PlayedMint, gap: Gap, *, first: int = 0) -> list[Signed]:
    keyset = next(iter(mint.signers.values())).keyset
    return [signed async for signed in search(mint, keyset, SEED, gap, first=first)]


def counters(found: list[Signed]) -> list[int]:
    return [proof.counter for signed in found for proof in signed.proofs]


async def test_an_unused_keyset_is_given_up_soon(mint: PlayedMint) -> None:
    assert counters(await found(mint, Gap(300, 3_000))) == []
    assert mint.calls["restore"] == 3


async def test_a_used_one_is_searched_over_a_longer_gap(mint: PlayedMint) -> None:
    for counter in (5, 905):
        sign(mint, counter)
    assert counters(await found(mint, Gap(300, 900))) == [5, 905]
    assert counters(await found(mint, Gap(300, 800))) == [5]


@pytest.mark.parametrize("last", [0, 98, 99, 100, 199])
async def test_the_gap_begins_behind_the_last_signature(mint: PlayedMint, last: int) -> None:
    sign(mint, last)
    sign(mint, last + 100)
    assert counters(await found(mint, Gap(300, 100))) == [last, last + 100]


async def test_a_search_begins_where_it_is_told(mint: PlayedMint) -> None:
    for counter in (3, 40, 41):
        sign(mint, counter)
    assert counters(await found(mint, Gap(100, 100), first=40)) == [40, 41]


async def test_amounts_and_states_are_the_mints(mint: PlayedMint) -> None:
    for counter, state in enumerate(ProofState):
        mint.states[sign(mint, counter, 1 << counter)] = state
    (signed, *_) = await found(mint, Gap(100, 100))
    assert [proof.amount for proof in signed.proofs] == [1, 2, 4]
    assert [proof.amount for proof in signed.unspent] == [1]
    assert [proof.amount for proof in signed.pending] == [2]
    assert signed.next_counter == 3


async def test_a_signature_with_another_key_is_refused(mint: PlayedMint) -> None:
    sign(mint, 1)
    ((blinded, signature),) = mint.signed.items()
    mint.signed[blinded] = replace(signature, amount=8)
    with pytest.raises(BadSignature):
        await found(mint, Gap())


def test_the_longest_gap_is_for_keysets_that_were_used() -> None:
    assert Gap() == Gap(GAP, GAP_USED)
    assert Gap.of(3_000) == Gap(300, 3_000)
    assert Gap.of(100) == Gap(100, 100)
    assert Gap.of(10_000) == Gap(1_000, 10_000)


@dataclass
class Moody:
    """Answers after some errors."""

    errors: list[MintError]

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "well"


async def ask(*errors: MintError) -> tuple[str, list[float]]:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return await patiently(Moody(list(errors)), sleep), pauses


async def test_a_mint_that_is_busy_is_left_alone_as_long_as_it_asks() -> None:
    assert await ask(MintBusy(7), MintBusy(0), MintBusy(9_999)) == ("well", [7, 1, 120])


async def test_a_mint_that_does_not_answer_is_asked_again_less_and_less_often() -> None:
    assert await ask(MintDown("gone"), MintUnclear("odd")) == ("well", [1, 2])


async def test_patience_ends() -> None:
    with pytest.raises(MintDown):
        await ask(*[MintDown("gone")] * 6)


async def test_a_refusal_is_an_answer() -> None:
    with pytest.raises(MintRefusal):
        await ask(MintRefusal(None, "no"))
