import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.auth import service
from routstr.auth.service import Authenticator, KeyCompletion
from routstr.auth.terms import KeyTerms
from routstr.core.clock import ManualClock
from routstr.errors import (
    AuthError,
    InvalidParameter,
    InvalidToken,
    KeyExpired,
    MintUnreachable,
    MissingApiKey,
    RedemptionPending,
    TokenAlreadySpent,
    TokenBelowMinimum,
)
from routstr.ledger import books
from routstr.money import Msat, Unit
from routstr.payment.audit import audit
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.intake import Intake
from routstr.payment.used_tokens import CREATE
from routstr.wallet import token
from routstr.wallet.mint_errors import MintDown, MintUnclear
from tests.unit.wallet.played_mint import PlayedMint, fail, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY, World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer(fee=100)), clock=ManualClock()) as world:
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


def authenticator(world: World) -> Authenticator:
    wallet = world.house.wallet
    wallet.register(CREATE, KeyCompletion(world.clock))
    wallet.register(TOPUP, TopupCompletion(world.clock))
    return Authenticator(world.db, Intake(wallet, world.clock), KEY, world.clock)


@pytest.fixture
def auth(world: World) -> Authenticator:
    return authenticator(world)


async def available(world: World, account: int) -> int:
    return int((await world.db.read(lambda c: books.balance(c, account))).available)


def texts(world: World, *amounts: int) -> tuple[str, str]:
    """One token written as cashuA and, in another order and with a memo, as cashuB."""
    given = world.mint.token(*amounts)
    other = replace(given, proofs=given.proofs[::-1], memo="a memo")
    return token.encode_a(given), token.encode_b(other)


async def keys_made(world: World) -> int:
    return int(await world.scalar("SELECT count(*) FROM api_keys"))


class TestCreating:
    async def test_a_token_becomes_a_key_with_what_arrived(
        self, world: World, auth: Authenticator
    ) -> None:
        created = await auth.create_api_key(texts(world, 8, 2)[0])
        payer, saga = created.payer, created.arrival

        assert created.fresh
        assert saga is not None
        assert (saga.gross_msat, saga.fee_msat, saga.net_msat) == (10_000, 1_000, 9_000)
        assert re.fullmatch(r"sk-[0-9a-f]{64}", payer.key)
        assert (payer.mint, payer.unit, payer.expires_at) == (world.mint.url, Unit.SAT, None)
        assert await available(world, payer.account) == 9_000
        assert saga.account == payer.account

    async def test_the_same_proofs_again_give_the_same_key_and_nothing_more(
        self, world: World, auth: Authenticator
    ) -> None:
        as_a, as_b = texts(world, 8, 2)
        first = await auth.create_api_key(as_a)
        second = await auth.create_api_key(as_b)
        assert (second.payer, second.arrival, second.fresh) == (first.payer, None, False)
        assert await available(world, first.payer.account) == 9_000

    async def test_fifty_at_once_make_one_key(self, world: World, auth: Authenticator) -> None:
        as_a, as_b = texts(world, 8)
        made = await asyncio.gather(
            *(auth.create_api_key(as_a if n % 2 else as_b) for n in range(20))
        )
        assert len({one.payer.key for one in made}) == 1
        assert (await keys_made(world), world.mint.circulation) == (1, 1)

    async def test_the_key_is_stored_as_a_hash_only(
        self, world: World, auth: Authenticator
    ) -> None:
        payer = (await auth.create_api_key(texts(world, 8)[0])).payer
        written = world.written()
        assert payer.key_id.encode() in written
        assert payer.key.encode() not in written
        assert payer.key[3:].encode() not in written
        assert bytes.fromhex(payer.key[3:]) not in written

    async def test_a_key_that_would_be_expired_is_not_made(
        self, world: World, auth: Authenticator
    ) -> None:
        now = world.clock.now_ms()
        text = texts(world, 8)[0]
        with pytest.raises(InvalidParameter, match="in the past"):
            await auth.create_api_key(text, terms=KeyTerms(expires_at=now))
        assert not world.mint.calls
        created = await auth.create_api_key(text, terms=KeyTerms(expires_at=now + 1))
        assert created.payer.expires_at == now + 1

    async def test_an_interrupted_creation_ends_with_the_same_token(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 8)[0]
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        with pytest.raises(RedemptionPending):
            await auth.create_api_key(text)
        assert await keys_made(world) == 0
        world.mint.broken.clear()
        created = await auth.create_api_key(text)
        assert await available(world, created.payer.account) == 7_000

    async def test_a_failed_creation_leaves_no_key_and_the_token(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 8)[0]
        world.mint.next(fail(MintDown("gone")))
        with pytest.raises(MintUnreachable):
            await auth.create_api_key(text)
        assert await keys_made(world) == 0
        assert (await auth.create_api_key(text)).fresh


class TestPaying:
    async def test_a_key_and_the_token_that_made_it_are_the_same_payer(
        self, world: World, auth: Authenticator
    ) -> None:
        as_a, as_b = texts(world, 8)
        payer = (await auth.create_api_key(as_a)).payer
        calls = world.mint.calls.copy()
        for credential in (payer.key, as_a, as_b, f"cashu:{as_b}"):
            assert await auth.payer(f"Bearer {credential}") == payer
            assert await authenticator(world).payer(f"bearer {credential}") == payer
            assert await auth.known_payer(f"Bearer {credential}") == payer
            assert await auth.knows(f"Bearer {credential}")
        for other in ("sk-" + "0" * 64, "cashuBnone", texts(world, 8)[0]):
            assert not await auth.knows(f"Bearer {other}")
        assert world.mint.calls == calls, "nobody is asked about a known token"

    async def test_a_new_token_is_redeemed(self, world: World, auth: Authenticator) -> None:
        payer = await auth.payer(f"Bearer {texts(world, 8)[1]}", minimum=Msat(7_000))
        assert await available(world, payer.account) == 7_000

    async def test_a_new_token_below_the_minimum_is_not(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 8)[1]
        with pytest.raises(TokenBelowMinimum):
            await auth.payer(f"Bearer {text}", minimum=Msat(7_001))
        assert (await keys_made(world), world.mint.calls["swap"]) == (0, 0)
        assert await world.states() == []

    async def test_a_known_token_is_not_weighed_again(
        self, world: World, auth: Authenticator
    ) -> None:
        """What its key has left is decided by the hold."""
        text = texts(world, 8)[1]
        payer = await auth.payer(f"Bearer {text}")
        assert await authenticator(world).payer(f"Bearer {text}", minimum=Msat(10**9)) == payer

    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc"])
    async def test_no_credential_is_told_apart(
        self, auth: Authenticator, header: str | None
    ) -> None:
        with pytest.raises(MissingApiKey):
            await auth.payer(header)
        with pytest.raises(MissingApiKey):
            await auth.known_payer(header)

    async def test_unknown_and_malformed_keys_look_alike(
        self, world: World, auth: Authenticator
    ) -> None:
        real = (await auth.create_api_key(texts(world, 8)[0])).payer.key
        told = set()
        for key in ("sk-" + "0" * 64, real.upper(), real[:-1], "sk-", "x", "ünï", "a" * 5_000):
            with pytest.raises(AuthError) as raised:
                await auth.payer(f"Bearer {key}")
            told.add((type(raised.value), raised.value.message, str(raised.value.details)))
        assert len(told) == 1

    @pytest.mark.parametrize("text", ["cashuAnonsense", "cashuB" + "A" * 30, "cashuB"])
    async def test_a_malformed_token_is_told_as_one(self, auth: Authenticator, text: str) -> None:
        with pytest.raises(InvalidToken):
            await auth.payer(f"Bearer {text}")
        with pytest.raises(InvalidToken):
            await auth.known_payer(f"Bearer {text}")

    async def test_an_expired_key_may_not_pay_but_is_known(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 8)[0]
        created = await auth.create_api_key(
            text, terms=KeyTerms(expires_at=world.clock.now_ms() + 1_000)
        )
        header = f"Bearer {created.payer.key}"
        assert await auth.payer(header) == created.payer
        assert isinstance(world.clock, ManualClock)
        world.clock.advance(ms=1_000)
        for credential in (header, f"Bearer {text}"):
            with pytest.raises(KeyExpired):
                await auth.payer(credential)
        assert await auth.known_payer(header) == created.payer

    async def test_a_token_never_seen_is_no_known_payer(
        self, world: World, auth: Authenticator
    ) -> None:
        with pytest.raises(AuthError):
            await auth.known_payer(f"Bearer {texts(world, 8)[0]}")
        assert (await keys_made(world), world.mint.calls["swap"]) == (0, 0)

    async def test_a_dead_token_is_asked_about_once(
        self, world: World, auth: Authenticator
    ) -> None:
        given = world.mint.token(8)
        world.mint.spend(given)
        for text in (token.encode_a(given), token.encode_b(given), token.encode_b(given)):
            with pytest.raises(TokenAlreadySpent):
                await auth.payer(f"Bearer {text}")
        assert world.mint.calls["check_state"] == 1
        assert isinstance(world.clock, ManualClock)
        world.clock.advance(seconds=601)
        with pytest.raises(TokenAlreadySpent):
            await auth.create_api_key(text)
        assert world.mint.calls["check_state"] == 2

    async def test_a_payer_and_what_remembers_it_show_no_secret(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 8)[0]
        payer = await auth.payer(f"Bearer {text}")
        shown = f"{payer!r} {payer} {auth._known!r}"
        assert payer.key_id in shown
        assert payer.key not in shown
        assert text not in shown


class TestToppingUp:
    async def test_adds_what_arrived(self, world: World, auth: Authenticator) -> None:
        payer = (await auth.create_api_key(texts(world, 8)[0])).payer
        saga = await auth.top_up(payer, texts(world, 16, 4)[0])
        assert (saga.gross_msat, saga.net_msat) == (20_000, 19_000)
        assert await available(world, payer.account) == 26_000

    async def test_with_the_same_token_again_changes_nothing(
        self, world: World, auth: Authenticator
    ) -> None:
        payer = (await auth.create_api_key(texts(world, 8)[0])).payer
        as_a, as_b = texts(world, 16)
        assert await auth.top_up(payer, as_a) == await auth.top_up(payer, as_b)
        assert await available(world, payer.account) == 22_000

    async def test_with_a_token_that_made_a_key_is_refused(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 8)[0]
        payer = (await auth.create_api_key(text)).payer
        other = (await auth.create_api_key(texts(world, 16)[0])).payer
        for one in (payer, other):
            with pytest.raises(TokenAlreadySpent):
                await auth.top_up(one, text)

    async def test_with_a_token_that_topped_up_another_key_is_refused(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 16)[0]
        payer = (await auth.create_api_key(texts(world, 8)[0])).payer
        other = (await auth.create_api_key(texts(world, 8)[0])).payer
        await auth.top_up(payer, text)
        with pytest.raises(TokenAlreadySpent):
            await auth.top_up(other, text)

    async def test_a_token_that_topped_up_never_authenticates(
        self, world: World, auth: Authenticator
    ) -> None:
        text = texts(world, 16)[0]
        payer = (await auth.create_api_key(texts(world, 8)[0])).payer
        await auth.top_up(payer, text)
        with pytest.raises(TokenAlreadySpent):
            await auth.payer(f"Bearer {text}")
        with pytest.raises(TokenAlreadySpent):
            await auth.create_api_key(text)
        with pytest.raises(AuthError):
            await auth.known_payer(f"Bearer {text}")
        assert await keys_made(world) == 1

    async def test_a_token_for_two_keys_at_once_goes_to_one(
        self, world: World, auth: Authenticator
    ) -> None:
        one, two = [(await auth.create_api_key(texts(world, 8)[0])).payer for _ in range(2)]
        text = texts(world, 16)[0]
        ended = await asyncio.gather(
            *(auth.top_up(payer, text) for payer in (one, two) * 5), return_exceptions=True
        )
        refused = [error for error in ended if isinstance(error, TokenAlreadySpent)]
        assert len(refused) == 5
        balances = [await available(world, payer.account) for payer in (one, two)]
        assert sorted(balances) == [7_000, 22_000]


async def test_what_is_stored_about_a_key_can_be_read(world: World, auth: Authenticator) -> None:
    payer = (await auth.create_api_key(texts(world, 8)[0])).payer
    record = await auth.key_record(payer)
    assert (record.account, record.public_id) == (payer.account, payer.key_id)
    assert record.created_at == world.clock.now_ms()


async def test_memory_is_bounded(world: World, auth: Authenticator) -> None:
    payer = (await auth.create_api_key(texts(world, 8)[0])).payer
    for n in range(3):
        service._remember(auth._known, bytes([n]), payer, 2)
    assert list(auth._known) == [b"\x01", b"\x02"]
