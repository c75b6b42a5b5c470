from pathlib import Path

import pytest

from routstr.auth.terms import NO_TERMS, KeyTerms
from tests.unit.admin.keys.bureau import open_bureau


async def test_keys_are_listed_shown_and_found_without_their_secrets(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        payer = await at.key(64, terms=KeyTerms(name="Bob", refund_address="bob@example.com"))
        [child] = await at.children.create(payer, 1, NO_TERMS)
        page = await at.told("GET", "/apikeys")
        [one] = page["keys"]
        assert (one["id"], one["balance"], one["state"]) == (payer.key_id, 64_000, "active")
        assert page["next_before"] is None
        shown = await at.told("GET", f"/apikeys/{payer.key_id}")
        [told] = shown["children"]
        assert (told["parent"], shown["refund_address"]) == (payer.key_id, "bob@example.com")
        assert (await at.told("GET", f"/apikeys/{told['id']}"))["tokens"] == []
        [old] = (await at.told("GET", "/temporary-balances"))["balances"]
        assert (old["hashed_key"], old["balance"]) == (payer.key_id, 64_000)
        assert [k["id"] for k in (await at.told("GET", "/apikeys?search=bo"))["keys"]] == [
            payer.key_id
        ]
        everything = str([page, shown, old])
        assert payer.key not in everything
        assert child not in everything


async def test_a_withdrawal_is_done_once_for_a_name(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        payer = await at.key(64)
        asked = {"key": payer.key_id, "amount": 5}
        first = await at.told("POST", "/withdraw", asked, "n")
        assert await at.told("POST", "/withdraw", asked, "n") == {**first, "repeated": True}
        assert (await at.told("POST", "/withdraw", asked))["balance"] == 54_000
        assert (await at.told("POST", "/withdraw", {"key": payer.key_id}))["amount"] == 54
        assert await at.code("POST", "/withdraw", {"key": payer.key_id}) == "no_balance"
        assert await at.code("POST", "/withdraw", {"key": "key_x"}) == "no_such_key"
        assert await at.code("POST", "/withdraw", asked, "\x01") == "invalid_idempotency_key"


async def test_a_key_is_changed_as_far_as_it_is_named(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        key = (await at.key(8)).key_id
        set_to = {"balance_limit": 500, "balance_limit_reset": "daily", "note": "n"}
        told = await at.told("PATCH", f"/apikeys/{key}", set_to)
        assert (told["balance_limit"], told["balance_limit_reset"]) == (500, "daily")
        told = await at.told("PATCH", f"/apikeys/{key}", {"balance_limit": 700})
        assert (told["balance_limit"], told["balance_limit_reset"]) == (700, "daily")
        told = await at.told("PATCH", f"/apikeys/{key}", {"balance_limit_reset": None})
        assert (told["balance_limit"], told["balance_limit_reset"]) == (700, None)
        told = await at.told("PATCH", f"/apikeys/{key}", {"balance_limit": None, "note": None})
        assert (told["balance_limit"], told["key"]["note"]) == (None, None)
        assert (await at.told("POST", f"/apikeys/{key}/expire"))["state"] == "expired"
        told = await at.told("PATCH", f"/apikeys/{key}", {"validity_date": None})
        assert told["key"]["state"] == "active"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PATCH", "/apikeys/key_x", {"name": "n"}, "no_such_key"),
        ("GET", "/apikeys/key_x", None, "no_such_key"),
        ("POST", "/apikeys/key_x/topup", {"amount_msats": 1}, "no_such_key"),
        ("POST", "/apikeys/key_x/revoke", {}, "no_such_key"),
        ("POST", "/apikeys", {}, "invalid_parameter"),
        ("POST", "/apikeys", {"amount_msats": 0}, "invalid_parameter"),
        ("POST", "/apikeys", {"amount_msats": 9}, "surplus_too_small"),
        ("POST", "/apikeys", {"initial_balance_token": "cashuB"}, "invalid_cashu_token"),
    ],
)
async def test_what_cannot_be_done_is_told(
    tmp_path: Path, method: str, path: str, body: object, code: str
) -> None:
    async with open_bureau(tmp_path) as at:
        assert await at.code(method, path, body) == code
