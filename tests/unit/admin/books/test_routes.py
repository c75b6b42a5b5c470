from pathlib import Path

import msgspec
import pytest

from routstr.wallet import token
from tests.unit.admin.keys.bureau import FIRST, open_bureau


async def test_the_books_are_told_without_a_secret(tmp_path: Path) -> None:
    async with open_bureau(tmp_path, own=4) as at:
        key = (await at.key(8)).key_id
        made = await at.told("POST", "/withdraw", {"key": key, "amount": 3})
        [refund, deposit] = (await at.told("GET", f"/transfers?key={key}"))["transfers"]
        assert (refund["kind"], refund["debit_key"], refund["credit"]) == (
            "refund", key, "unclaimed",
        )  # fmt: skip
        assert (deposit["amount"], deposit["debit"]) == (8_000, f"asset:sat:{FIRST}")
        assert deposit["balance_after"] == 8_000
        [only] = (await at.told("GET", "/transfers?kind=refund&limit=1"))["transfers"]
        assert only == refund
        [charge] = (await at.told("GET", "/transfers?kind=charge"))["transfers"]
        assert (charge["request_id"], charge["model"]) == ("r", "m")
        [given] = (await at.told("GET", "/issued-tokens?status=issued"))["tokens"]
        assert (given["key"], given["amount"], given["by_operator"]) == (key, 3, True)
        told = await at.told("GET", "/transactions")
        assert [one["type"] for one in told["transactions"]] == ["out", "in", "in"]
        out = await at.told("GET", "/transactions?type=out&status=issued")
        assert [one["api_key_hashed_key"] for one in out["transactions"]] == [key]
        assert made["token"][:20] not in str([told, given, refund])
        for path in ("/export/tokens.json", "/export/transfers.json", "/export/invoices.json"):
            rows = msgspec.json.decode((await at.call("GET", path)).body)
            assert made["token"] not in str(rows)


async def test_times_and_pages_bound_what_is_listed(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        key = (await at.key(1, 2, 4)).key_id
        page = await at.told("GET", "/transfers?limit=1")
        assert page["next_before"] == page["transfers"][0]["id"]
        assert (await at.told("GET", f"/transfers?before={page['next_before']}"))["transfers"] == []
        when = page["transfers"][0]["created_at"]
        for query, count in (
            (f"since={when}", 1),
            (f"since={when + 1}", 0),
            (f"until={when}", 0),
            (f"since={when}&until={when + 1}&key={key}", 1),
        ):
            found = await at.told("GET", f"/transfers?{query}")
            assert len(found["transfers"]) == count, query


async def test_a_token_is_asked_about_at_its_mint(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        key = (await at.key(8)).key_id
        made = await at.told("POST", "/withdraw", {"key": key, "amount": 3})
        path = f"/issued-tokens/{made['id']}/check"
        assert (await at.told("POST", path))["status"] == "issued"
        at.world.mint().spend(token.decode(made["token"]))
        assert (await at.told("POST", path))["status"] == "collected"
        assert await at.code("POST", "/issued-tokens/999/check") == "refund_not_found"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/transfers?kind=nothing", "invalid_parameter"),
        ("/transfers?key=key_x", "no_such_key"),
        ("/issued-tokens?status=x", "invalid_parameter"),
        ("/lightning-invoices?status=x", "invalid_parameter"),
        ("/lightning-invoices?search=x", "invalid_parameter"),
        ("/export/secrets.csv", "invalid_parameter"),
        ("/export/transfers.xml", "invalid_parameter"),
        ("/export/transfers.csv?since=x", "invalid_parameter"),
    ],
)
async def test_what_there_is_not_is_told(tmp_path: Path, path: str, code: str) -> None:
    async with open_bureau(tmp_path) as at:
        assert await at.code("GET", path) == code
