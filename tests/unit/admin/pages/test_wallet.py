"""The wallet's pages: what they show, and what their forms do."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.theme.texts import LANGUAGES, catalogue
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.mint_health import MintHealth
from tests.unit.admin.wallet.bank import BOB, Bank, open_bank
from tests.unit.core.asgi import Answer
from tests.unit.wallet.paying_mint import fail

LOST = fail(MintUnclear("no answer"))


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    async with open_bank(tmp_path) as bank:
        yield bank


async def operation(bank: Bank) -> str:
    """The name that a form carries."""
    found = re.search(r'name="operation_id" value="(\w+)"', await bank.text("/admin/wallet/out"))
    assert found is not None
    return found[1]


def led_to(answer: Answer) -> str:
    assert answer.status == 303, answer.body
    return answer.header("location") or ""


async def test_the_mints_are_shown_and_what_is_owed_there_follows(bank: Bank) -> None:
    first = await bank.text("/admin/wallet")
    assert 'hx-get="/admin/wallet/mints"' in first
    assert "312 <small>sat" in first, "the sum is known at once"
    part = await bank.text("/admin/wallet/mints")
    assert "hx-get" not in part
    assert "200 <small>sat</small>" in part
    assert "routstr wallet seed" in first


async def test_a_mint_in_trouble_says_so(bank: Bank) -> None:
    bank.world.mint().served = MintHealth(failed_at=1, problem="no connection", failures=2)
    shown = await bank.text("/admin/wallet?owed=1")
    assert "in trouble" in shown
    assert "no connection" in shown


async def test_a_withdrawal_leads_to_its_token_however_often_it_is_sent(bank: Bank) -> None:
    form = {"operation_id": await operation(bank), "amount": "150", "unit": "sat"}
    places = {led_to(await bank.page("/admin/wallet/withdraw", form)) for _ in range(2)}
    (place,) = places
    shown = await bank.text(place)
    assert re.search(r'id="token-text">cashuB', shown)
    assert "<svg" in shown
    assert "150 sat" in await bank.text("/admin/wallet/out")


async def test_more_than_is_yours_is_refused_in_place(bank: Bank) -> None:
    form = {"operation_id": await operation(bank), "amount": "9999", "unit": "sat"}
    refused = await bank.page("/admin/wallet/withdraw", form)
    shown = refused.body.decode()
    assert refused.status == 409
    assert "more than is yours" in shown
    assert 'value="9999"' in shown


@pytest.mark.parametrize("amount", ["", "-1", "many", "1.5"])
async def test_an_amount_that_is_none_is_refused_in_place(bank: Bank, amount: str) -> None:
    refused = await bank.page("/admin/wallet/withdraw", {"amount": amount})
    assert refused.status == 400
    assert b"whole number" in refused.body


async def test_a_page_that_cannot_be_is_the_first(bank: Bank) -> None:
    assert "/admin/wallet/payouts" in await bank.text(f"/admin/wallet/out?before={'9' * 20}")


async def test_a_payout_is_followed_until_it_ends(bank: Bank) -> None:
    bank.world.mint().next_melts(LOST, LOST)
    form = {"operation_id": await operation(bank), "to": BOB, "amount_sat": "50"}
    place = led_to(await bank.page("/admin/wallet/payouts", form))
    waiting = await bank.text(place)
    assert "Nobody knows yet" in waiting
    listed = await bank.text("/admin/wallet/sagas")
    assert "Ask now" in listed
    asked = await bank.page("/admin/wallet/sagas/resolve", {})
    assert b"it was paid" in asked.body
    assert "It is paid." in await bank.text(place)
    assert "Nothing is open" in await bank.text("/admin/wallet/sagas")


async def test_the_check_begins_and_shows_every_equation(bank: Bank) -> None:
    assert "Nothing has been checked" in await bank.text("/admin/wallet/check")
    assert led_to(await bank.page("/admin/wallet/check", {"full": "1"})) == "/admin/wallet/check"
    while "hx-trigger" in (shown := await bank.text("/admin/wallet/check/part")):
        pass
    assert "Every equation holds" in shown
    assert shown.count("badge good") == len(bank.actions.desk.verification().checks)


async def test_tidying_up_says_what_it_did(bank: Bank) -> None:
    place = led_to(await bank.page("/admin/wallet/tidy", {}))
    assert "tidy already" in await bank.text(place)


async def test_what_was_found_can_be_given_only_while_there_is_some(bank: Bank) -> None:
    assert "nobody is known to own" not in await bank.text("/admin/wallet")
    assert (await bank.page("/admin/wallet/recovered", {})).status == 402


async def test_every_equation_has_words_in_every_language(bank: Bank) -> None:
    desk, names = bank.actions.desk, set[str]()
    for full in (True, False, True):
        desk.verifications.begin(full=full)
        await desk.verifications.wait()
        checks = desk.verification().checks
        names |= {"wallet.eq_" + re.sub("[^a-z0-9]+", "_", one.name.lower()) for one in checks}
    assert len(names) > 29
    for language in LANGUAGES:
        assert names <= catalogue(language).keys()
