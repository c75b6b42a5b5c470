from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.balance.payers import known_payer, owner, shown_payer
from routstr.errors import ChildKeyNotAllowed, KeyNotFound, MissingApiKey
from routstr.wallet import token
from tests.unit.auth.keyring import Keyring, keyring


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def test_an_expired_key_is_still_its_owners(ring: Keyring) -> None:
    payer = await ring.key(8, KeyTerms(expires_at=ring.clock.now_ms() + 1))
    ring.clock.advance(ms=1)
    authorization = f"Bearer {payer.key}"
    assert await known_payer(ring.auth, authorization) == payer
    assert await owner(ring.auth, authorization, "no") == payer
    assert await shown_payer(ring.auth, authorization, NO_TERMS) == payer


async def test_a_token_becomes_a_key_only_where_it_is_shown(ring: Keyring) -> None:
    authorization = f"Bearer {token.encode_b(ring.world.mint.token(8))}"
    with pytest.raises(KeyNotFound):
        await known_payer(ring.auth, authorization)
    shown = await shown_payer(ring.auth, authorization, KeyTerms(name="mine"))
    assert (await ring.auth.key_record(shown)).name == "mine"
    assert await known_payer(ring.auth, authorization) == shown


async def test_who_brings_nothing_is_told_so(ring: Keyring) -> None:
    for ask in (known_payer(ring.auth, None), owner(ring.auth, "Bearer", "no")):
        with pytest.raises(MissingApiKey):
            await ask


async def test_a_child_key_owns_nothing(ring: Keyring) -> None:
    [key] = await ring.children.create(await ring.key(8), 1, NO_TERMS)
    assert (await known_payer(ring.auth, f"Bearer {key}")).is_child
    with pytest.raises(ChildKeyNotAllowed, match="these words"):
        await owner(ring.auth, f"Bearer {key}", "these words")
