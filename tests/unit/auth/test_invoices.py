import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from routstr.auth import keys
from routstr.auth.invoice_status import Invoice, Status
from routstr.auth.invoices import Invoices, Wish
from routstr.auth.service import Authenticator, KeyCompletion, Payer
from routstr.auth.terms import KeyTerms
from routstr.errors import (
    AuthError,
    DepositsClosed,
    InvalidParameter,
    InvoiceError,
    InvoiceNotFound,
    LightningMintBusy,
    LightningMintUnreachable,
    MintExposureReached,
    MintRefused,
    TooManyInvoices,
    UntrustedMint,
)
from routstr.ledger import books, verdict
from routstr.money import Msat, Unit
from routstr.payment.audit import audit
from routstr.payment.deposits import (
    LIGHTNING_CREATE,
    LIGHTNING_TOPUP,
    PaidCompletion,
    TopupCompletion,
)
from routstr.payment.intake import Intake
from routstr.wallet.exposure import Exposure
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal
from routstr.wallet.mint_types import MintQuoteState
from routstr.wallet.ordering import Beside, Order
from routstr.wallet.quotes import Quote
from routstr.wallet.service import Wallet
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.ordering import open_orders, pass_time, the_mint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY, World

ADDRESS = "192.0.2.7"
OPEN_MAX = 3


async def admitted() -> None:
    return


def invoices_of(world: World, **more: Any) -> Invoices:
    clock, wallet = world.clock, world.house.wallet
    wallet.register(LIGHTNING_CREATE, PaidCompletion(KeyCompletion(clock)))
    wallet.register(LIGHTNING_TOPUP, PaidCompletion(TopupCompletion(clock)))
    return Invoices(world.db, wallet, KEY, clock, admitted=admitted, open_max=OPEN_MAX, **more)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_orders(tmp_path) as world:
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


@pytest.fixture
def invoices(world: World) -> Invoices:
    return invoices_of(world)


@pytest.fixture
def auth(world: World) -> Authenticator:
    return Authenticator(world.db, Intake(world.house.wallet, world.clock), KEY, world.clock)


class Late:
    """A wallet whose first invoice is stored, and whoever ordered it has given up by then."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self.mints, self.quote = wallet.mints, wallet.quote
        self.orders: list[Order] = []

    async def request_quote(self, order: Order, beside: Beside) -> Quote:
        self.orders.append(order)
        quote = await self._wallet.request_quote(self.orders[0], beside)
        if len(self.orders) == 1:
            raise MintRefused
        return quote


async def made(invoices: Invoices, sats: int = 11, **more: Any) -> str:
    return (await invoices.create(Wish(sats, ADDRESS, **more)))[0]


async def paid(world: World, invoices: Invoices, invoice_id: str) -> Invoice:
    the_mint(world).pay()
    return await asked(world, invoices, invoice_id)


async def asked(world: World, invoices: Invoices, invoice_id: str) -> Invoice:
    pass_time(world)
    return await invoices.status(invoice_id)


async def key_of(
    world: World, invoices: Invoices, auth: Authenticator, sats: int = 11, **more: Any
) -> Payer:
    found = await paid(world, invoices, await made(invoices, sats, **more))
    assert found.api_key is not None
    return await auth.validate_api_key(found.api_key)


class TestCreating:
    async def test_a_paid_invoice_makes_a_key_with_its_money(
        self, world: World, invoices: Invoices, auth: Authenticator
    ) -> None:
        invoice_id, invoice = await invoices.create(Wish(11, ADDRESS))
        assert (len(invoice_id), invoice.status, invoice.api_key) == (64, Status.PENDING, None)
        found = await paid(world, invoices, invoice_id)
        assert found.status is Status.PAID
        assert found.api_key == keys.from_invoice(KEY, invoice_id).key
        payer = await auth.validate_api_key(found.api_key)
        assert (payer.mint, payer.unit) == (world.mint.url, Unit.SAT)
        balance = await world.db.read(lambda c: books.balance(c, payer.account))
        assert (balance.available, balance.deposited) == (Msat(11_000), Msat(11_000))

    async def test_the_key_is_told_again_until_it_is_rotated(
        self, world: World, invoices: Invoices
    ) -> None:
        invoice_id = await made(invoices)
        first = (await paid(world, invoices, invoice_id)).api_key
        assert (await invoices.status(invoice_id)).api_key == first
        await world.db.write(
            lambda tx: tx.sql.exec_driver_sql("UPDATE api_keys SET key_hash = x'00'")
        )
        again = await invoices.status(invoice_id)
        assert (again.status, again.api_key) == (Status.PAID, None)

    async def test_a_call_that_is_made_twice_at_once_gets_one_invoice(
        self, world: World, invoices: Invoices
    ) -> None:
        wish, operation = Wish(11, ADDRESS), b"operation"
        told = await asyncio.gather(*(invoices.create(wish, operation) for _ in range(4)))
        assert len({(id_, invoice.quote.id) for id_, invoice in told}) == 1
        assert await world.scalar("SELECT count(*) FROM mint_quotes") == 1

    async def test_an_invoice_that_was_stored_late_is_the_one_when_another_unit_is_tried(
        self, world: World, invoices: Invoices
    ) -> None:
        wallet: Any = Late(world.house.wallet)
        late = Invoices(world.db, wallet, KEY, world.clock, admitted=admitted, open_max=OPEN_MAX)
        invoice_id, invoice = await late.create(Wish(11, ADDRESS))
        assert len(wallet.orders) == 2
        assert (await invoices.status(invoice_id)).quote.id == invoice.quote.id
        assert await world.scalar("SELECT count(*) FROM mint_quotes") == 1

    async def test_its_terms_are_those_that_the_invoice_was_asked_for_with(
        self, world: World, invoices: Invoices, auth: Authenticator
    ) -> None:
        at = world.clock.now_ms() + 3_600_000
        payer = await key_of(world, invoices, auth, terms=KeyTerms(expires_at=at))
        assert payer.expires_at == at

    async def test_terms_that_no_key_can_have_are_refused_before_any_mint_is_asked(
        self, world: World, invoices: Invoices
    ) -> None:
        with pytest.raises(InvalidParameter):
            await made(invoices, terms=KeyTerms(expires_at=1))
        assert the_mint(world).calls["mint_quote"] == 0

    async def test_neither_id_nor_key_nor_address_is_stored(
        self, world: World, invoices: Invoices
    ) -> None:
        invoice_id = await made(invoices)
        found = await paid(world, invoices, invoice_id)
        written = world.written()
        assert found.api_key is not None
        for secret in (invoice_id, bytes.fromhex(invoice_id), found.api_key, ADDRESS):
            assert (secret if isinstance(secret, bytes) else secret.encode()) not in written
        assert found.api_key not in repr(found)

    async def test_the_same_call_again_gets_the_same_invoice(
        self, world: World, invoices: Invoices
    ) -> None:
        wish = Wish(11, ADDRESS)
        first = await invoices.create(wish, b"o" * 32)
        assert await invoices.create(wish, b"o" * 32) == first
        assert (await invoices.create(wish, b"p" * 32))[0] != first[0]
        assert the_mint(world).calls["mint_quote"] == 2


class TestToppingUp:
    async def test_the_account_is_credited_and_no_key_is_told(
        self, world: World, invoices: Invoices, auth: Authenticator
    ) -> None:
        payer = await key_of(world, invoices, auth)
        found = await paid(world, invoices, await made(invoices, 7, payer=payer))
        assert (found.status, found.api_key, found.is_topup) == (Status.PAID, None, True)
        balance = await world.db.read(lambda c: books.balance(c, payer.account))
        assert balance.deposited == Msat(18_000)

    async def test_it_is_at_the_key_s_own_mint_when_that_makes_invoices(
        self, tmp_path: Path
    ) -> None:
        second = InvoiceMint(url="https://second.example")
        async with open_orders(tmp_path, InvoiceMint(), second) as world:
            invoices = invoices_of(world)
            payer = Payer(1, "key_1", "sk-1", second.url, "sat", None)
            _, invoice = await invoices.create(Wish(5, ADDRESS, payer=payer))
            assert invoice.quote.mint == second.url
            second.broken["mint_quote"] = MintDown("no connection")
            _, invoice = await invoices.create(Wish(5, ADDRESS, payer=payer))
            assert invoice.quote.mint == world.mint.url


class TestOwnership:
    """Who knows the bolt11, or guesses, learns how far a payment is and never a key."""

    async def test_the_bolt11_alone_tells_the_status_only(
        self, world: World, invoices: Invoices
    ) -> None:
        invoice_id = await made(invoices)
        bolt11 = the_mint(world).last.request
        assert (await invoices.recover(bolt11)).status is Status.PENDING
        assert (await paid(world, invoices, invoice_id)).api_key is not None
        found = await invoices.recover(f"lightning:{bolt11.upper()}")
        assert (found.status, found.api_key) == (Status.PAID, None)

    async def test_whoever_asks_by_bolt11_settles_it_too(
        self, world: World, invoices: Invoices
    ) -> None:
        await made(invoices)
        the_mint(world).pay()
        pass_time(world)
        assert (await invoices.recover(the_mint(world).last.request)).status is Status.PAID

    async def test_other_names_of_an_invoice_are_not_its_id(
        self, world: World, invoices: Invoices
    ) -> None:
        invoice_id, invoice = await invoices.create(Wish(11, ADDRESS))
        quote = invoice.quote
        guesses = (quote.payment_hash.hex(), quote.mint_id, quote.request, str(quote.id), "")
        for guess in (*guesses, invoice_id.upper(), invoice_id[:-1]):
            with pytest.raises(InvoiceNotFound):
                await invoices.status(guess)
        await paid(world, invoices, invoice_id)

    async def test_ids_are_drawn_anew_each_time(self, invoices: Invoices) -> None:
        ids = {await made(invoices) for _ in range(OPEN_MAX)}
        assert len(ids) == OPEN_MAX

    async def test_a_quote_that_no_client_asked_for_is_nobody_s_invoice(
        self, world: World, invoices: Invoices
    ) -> None:
        await made(invoices)
        await world.db.write(lambda tx: tx.sql.exec_driver_sql("DELETE FROM invoices"))
        with pytest.raises(InvoiceNotFound):
            await invoices.recover(the_mint(world).last.request)

    async def test_what_is_no_invoice_is_not_looked_for(self, invoices: Invoices) -> None:
        with pytest.raises(InvalidParameter):
            await invoices.recover("lnbc1")


class TestBounds:
    async def test_one_address_has_so_many_unpaid_ones(
        self, world: World, invoices: Invoices
    ) -> None:
        for _ in range(OPEN_MAX):
            await made(invoices)
        with pytest.raises(TooManyInvoices):
            await made(invoices)
        assert the_mint(world).calls["mint_quote"] == OPEN_MAX
        await invoices.create(Wish(5, "192.0.2.8"))
        pass_time(world, seconds=3_601)
        await made(invoices)

    async def test_a_paid_one_makes_room(self, world: World, invoices: Invoices) -> None:
        ids = [await made(invoices) for _ in range(OPEN_MAX)]
        await paid(world, invoices, ids[-1])
        await made(invoices)

    async def test_many_at_once_do_not_slip_through(self, world: World, invoices: Invoices) -> None:
        tries = await asyncio.gather(
            *(made(invoices) for _ in range(OPEN_MAX + 4)), return_exceptions=True
        )
        refused = [one for one in tries if isinstance(one, TooManyInvoices)]
        assert len(refused) == 4
        assert await world.scalar("SELECT count(*) FROM mint_quotes") == OPEN_MAX

    async def test_a_network_of_version_six_is_one_address(self, invoices: Invoices) -> None:
        for host in range(OPEN_MAX):
            await invoices.create(Wish(5, f"2001:db8:1:2::{host:x}"))
        with pytest.raises(TooManyInvoices):
            await invoices.create(Wish(5, "2001:db8:1:2:ffff::1"))
        await invoices.create(Wish(5, "2001:db8:1:3::1"))

    async def test_a_key_s_topups_are_counted_by_the_key(
        self, world: World, invoices: Invoices
    ) -> None:
        payer = Payer(1, "key_1", "sk-1", world.mint.url, "sat", None)
        for number in range(OPEN_MAX):
            await invoices.create(Wish(5, f"192.0.2.{number}", payer=payer))
        with pytest.raises(TooManyInvoices):
            await invoices.create(Wish(5, "192.0.2.99", payer=payer))


class TestClosedDeposits:
    async def close(self, world: World) -> None:
        await world.db.write(lambda tx: verdict.close(tx, 1, "a test"))

    async def test_no_new_invoice_is_made(self, world: World, invoices: Invoices) -> None:
        await self.close(world)
        with pytest.raises(DepositsClosed):
            await made(invoices)
        assert the_mint(world).calls["mint_quote"] == 0

    async def test_one_that_is_asked_for_meanwhile_is_not_either(
        self, world: World, invoices: Invoices
    ) -> None:
        mint = the_mint(world)
        ordinary = mint.mint_quote

        async def closing(*arguments: Any, **named: Any) -> Any:
            await self.close(world)
            return await ordinary(*arguments, **named)

        mint.mint_quote = closing  # type: ignore[method-assign]
        with pytest.raises(DepositsClosed):
            await made(invoices)
        assert await world.scalar("SELECT count(*) FROM invoices") == 0

    async def test_a_paid_one_is_credited_all_the_same(
        self, world: World, invoices: Invoices, auth: Authenticator
    ) -> None:
        invoice_id = await made(invoices)
        await self.close(world)
        found = await paid(world, invoices, invoice_id)
        assert found.api_key is not None
        payer = await auth.validate_api_key(found.api_key)
        assert (await world.db.read(lambda c: books.balance(c, payer.account))).available == Msat(
            11_000
        )


class TestMints:
    @pytest.mark.parametrize(
        ("problem", "expected"),
        [
            (MintDown("no connection"), LightningMintUnreachable),
            (MintBusy(7, sent=True), LightningMintBusy),
            (MintRefusal(20_003, "minting is disabled"), InvoiceError),
        ],
    )
    async def test_why_no_invoice_was_made_is_told(
        self, world: World, invoices: Invoices, problem: Any, expected: type[InvoiceError]
    ) -> None:
        the_mint(world).broken["mint_quote"] = problem
        with pytest.raises(InvoiceError) as caught:
            await made(invoices)
        assert type(caught.value) is expected

    async def test_the_next_mint_makes_it_when_the_first_is_away(self, tmp_path: Path) -> None:
        second = InvoiceMint(url="https://second.example")
        async with open_orders(tmp_path, InvoiceMint(), second) as world:
            the_mint(world).broken["mint_quote"] = MintDown("no connection")
            _, invoice = await invoices_of(world).create(Wish(5, ADDRESS))
            assert invoice.quote.mint == second.url
            assert the_mint(world).calls["mint_quote"] == 1, "one unit is enough to know"

    async def test_a_mint_that_holds_enough_makes_none_and_the_next_one_does(
        self, tmp_path: Path
    ) -> None:
        second = InvoiceMint(url="https://second.example")
        async with open_orders(tmp_path, InvoiceMint(), second) as world:
            invoices, mints = invoices_of(world), world.house.mints
            mints.exposure = Exposure(world.db, mints.urls, by_mint={world.mint.url: 4})
            _, invoice = await invoices.create(Wish(5, ADDRESS))
            assert invoice.quote.mint == second.url
            with pytest.raises(MintExposureReached):
                await invoices.create(Wish(5, ADDRESS, mint=world.mint.url))

    async def test_a_mint_can_be_named(self, tmp_path: Path) -> None:
        second = InvoiceMint(url="https://second.example")
        async with open_orders(tmp_path, InvoiceMint(), second) as world:
            invoices = invoices_of(world)
            _, invoice = await invoices.create(Wish(5, ADDRESS, mint=second.url + "/"))
            assert invoice.quote.mint == second.url
            with pytest.raises(UntrustedMint):
                await invoices.create(Wish(5, ADDRESS, mint="https://third.example"))

    async def test_a_mint_that_has_only_msat_makes_it_in_them(self, tmp_path: Path) -> None:
        async with open_orders(tmp_path, InvoiceMint(Signer(unit="msat"))) as world:
            invoices = invoices_of(world)
            invoice_id, invoice = await invoices.create(Wish(5, ADDRESS))
            assert (invoice.quote.unit, invoice.quote.amount) == (Unit.MSAT, 5_000)
            assert (await paid(world, invoices, invoice_id)).status is Status.PAID

    async def test_an_amount_out_of_bounds_is_told_with_them(
        self, world: World, invoices: Invoices
    ) -> None:
        the_mint(world).bounds = {"min_amount": 10}
        with pytest.raises(InvalidParameter) as caught:
            await made(invoices, 9)
        assert caught.value.details["min"] == 10

    async def test_while_the_mint_is_away_the_last_known_status_is_told(
        self, world: World, invoices: Invoices
    ) -> None:
        invoice_id = await made(invoices)
        the_mint(world).broken["mint_quote_state"] = MintDown("no connection")
        assert (await asked(world, invoices, invoice_id)).status is Status.PENDING

    async def test_what_others_took_must_be_reconciled(
        self, world: World, invoices: Invoices
    ) -> None:
        invoice_id = await made(invoices)
        the_mint(world).last.state = MintQuoteState.ISSUED
        found = await asked(world, invoices, invoice_id)
        assert (found.status, found.api_key) == (Status.RECONCILIATION_REQUIRED, None)


async def test_an_unknown_key_is_no_payer(auth: Authenticator) -> None:
    with pytest.raises(AuthError):
        await auth.validate_api_key(keys.from_invoice(KEY, "0" * 64).key)
