import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from routstr.money import ZERO, Msat
from routstr.payment.change import Change
from routstr.payment.cost import Cost
from routstr.payment.metering import Receipt
from routstr.payment.usage import Usage
from routstr.proxy.fields import Fields, encode, read_fields
from routstr.proxy.receipts import add_receipt, change_fields, change_headers, cost_headers

RECEIPT = Receipt(
    cost=Cost(Msat(2_345), Msat(5), Msat(1_000), Msat(1_200), Msat(40), Msat(100)),
    charged=Msat(2_345),
    uncollected=ZERO,
    balance=Msat(997_655),
    usage=Usage(prompt=10, completion=6, cache_read=4, cache_write=2),
    usd=Decimal("0.00234500000"),
)
COST = {
    "base_msats": 5,
    "input_msats": 1_000,
    "output_msats": 1_200,
    "total_msats": 2_345,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
    "cache_read_msats": 40,
    "cache_creation_msats": 100,
    "total_usd": 0.002345,
}
TOKENS = {"input_tokens": 16, "output_tokens": 6}


def fields(plain: object) -> Fields:
    found = read_fields(json.dumps(plain).encode())
    assert found is not None
    return found


def told(answer: object = None, usage: object = None, receipt: Receipt = RECEIPT) -> dict[str, Any]:
    written = fields(answer or {})
    add_receipt(written, usage, receipt, "played")
    result: dict[str, Any] = json.loads(encode(written))
    return result


def test_the_cost_is_told_in_all_places_that_clients_read() -> None:
    reported = {"prompt_tokens": 16, "completion_tokens": 6, "total_tokens": 22}
    assert told({"id": "x"}, reported) == {
        "id": "x",
        "provider": "played",
        "usage": {
            **reported,
            "cost": COST,
            "cost_sats": 2,
            "remaining_balance_msats": 997_655,
        },
        "metadata": {
            "routstr": {
                "cost": {**COST, **TOKENS},
                "sats_cost": 2,
                "remaining_balance_msats": 997_655,
            }
        },
        "cost": {**COST, **TOKENS, "sats_cost": 2, "remaining_balance_msats": 997_655},
    }


def test_what_the_provider_says_of_its_own_prices_stays_here() -> None:
    reported = {
        "prompt_tokens": 16,
        "prompt_tokens_details": {"cached_tokens": 4},
        "cost": 0.0017,
        "cost_details": {"upstream_inference_cost": 0.0016},
        "is_byok": True,
    }
    usage = told(None, reported)["usage"]
    assert usage["cost"] == COST
    assert usage["prompt_tokens_details"] == {"cached_tokens": 4}
    assert not {"cost_details", "is_byok"} & set(usage)
    assert "0017" not in json.dumps(usage)


@pytest.mark.parametrize("reported", [None, {"prompt_tokens": -5}])
def test_an_estimate_is_told_as_one(reported: object) -> None:
    estimate = replace(RECEIPT, usage=replace(RECEIPT.usage, reported=False))
    answer = told(None, reported, estimate)
    assert answer["metadata"]["routstr"]["estimated"] is True
    counts = {name: answer["usage"][name] for name in ("prompt_tokens", "completion_tokens")}
    assert counts == {"prompt_tokens": 16, "completion_tokens": 6}
    assert answer["usage"]["total_tokens"] == 22


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [({"mine": 1}, {"mine": 1}), (None, {}), ("text", {}), ({"routstr": "fake"}, {})],
)
def test_other_metadata_is_kept(metadata: object, kept: dict[str, object]) -> None:
    found = told({"metadata": metadata})["metadata"]
    assert found.pop("routstr")["sats_cost"] == 2
    assert found == kept


@pytest.mark.parametrize(
    ("upstream", "shown"), [("Azure", "played:Azure"), ("", "played"), (5, "played")]
)
def test_a_providers_provider_is_named_behind_it(upstream: object, shown: str) -> None:
    assert told({"provider": upstream})["provider"] == shown


def test_without_a_rate_no_usd_is_told() -> None:
    receipt = replace(RECEIPT, usd=None)
    assert "total_usd" not in told(receipt=receipt)["usage"]["cost"]
    assert b"x-routstr-cost-usd" not in dict(cost_headers(receipt))


def test_the_cost_is_in_headers_too() -> None:
    assert dict(cost_headers(RECEIPT)) == {
        b"x-routstr-cost-msats": b"2345",
        b"x-routstr-input-cost-msats": b"1140",
        b"x-routstr-output-cost-msats": b"1200",
        b"x-routstr-cost-usd": b"0.002345",
    }


def test_a_free_answer_has_no_header_in_usd() -> None:
    free = replace(RECEIPT, charged=ZERO, usd=Decimal(0))
    assert b"x-routstr-cost-usd" not in dict(cost_headers(free))


@pytest.mark.parametrize(
    ("usd", "shown"),
    [("1E-11", "0.00000000001"), ("120.00", "120"), ("0E-11", "0"), ("5E+3", "5000")],
)
def test_usd_is_a_plain_number(usd: str, shown: str) -> None:
    receipt = replace(RECEIPT, usd=Decimal(usd))
    written = fields({})
    add_receipt(written, None, receipt, "p")
    assert f'"total_usd":{shown},'.encode() in encode(written)


GIVEN = Change(token="cashuBrest", amount=Msat(3_000), mint_fee=Msat(200), left=Msat(45))
SMALL = Change(mint_fee=Msat(100), left=Msat(45))
NOTHING = Change(mint_fee=Msat(100))
PENDING = Change(mint_fee=Msat(100), left=Msat(3_245), pending=True)


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        (GIVEN, {"X-Cashu": "cashuBrest", "X-Routstr-Unrefunded-Msats": "45"}),
        (SMALL, {"X-Routstr-Unrefunded-Msats": "45"}),
        (NOTHING, {}),
        (PENDING, {"X-Routstr-Change": "pending"}),
    ],
    ids=["given", "small", "nothing", "pending"],
)
def test_change_as_headers(change: Change, headers: dict[str, str]) -> None:
    assert change_headers(change) == headers
    sent = cost_headers(replace(RECEIPT, change=change))
    assert sent[len(cost_headers(RECEIPT)) :] == [
        (name.lower().encode(), value.encode()) for name, value in headers.items()
    ]


def test_change_as_fields_adds_up_with_and_without_the_token() -> None:
    amounts = {"change_msats": 3_000, "mint_fee_msats": 200, "unrefunded_msats": 45}
    assert change_fields(GIVEN) == amounts
    assert change_fields(GIVEN, "refund_token") == {"refund_token": "cashuBrest", **amounts}
    assert change_fields(PENDING, "change") == {
        "change_msats": 0,
        "mint_fee_msats": 100,
        "unrefunded_msats": 3_245,
        "change_pending": True,
    }


def test_change_is_told_beside_the_cost() -> None:
    receipt = replace(RECEIPT, balance=Msat(45), change=GIVEN)
    in_json = told({"id": "x"}, None, receipt)["metadata"]["routstr"]
    assert in_json.items() >= change_fields(GIVEN).items()
    assert "cashuBrest" not in json.dumps(in_json), "it is in a header"
    assert in_json["remaining_balance_msats"] == 45

    chunk = fields({})
    add_receipt(chunk, None, receipt, "played", with_change=True)
    assert json.loads(encode(chunk))["metadata"]["routstr"] == {"change": "cashuBrest", **in_json}
