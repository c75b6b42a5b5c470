"""What a running node says of itself, and its commands beside it."""

import asyncio
import json
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from devkit.mint import Mint
from routstr import __version__
from tests.integration.money.conftest import GONE_MINT, ME, NAME, Purse, on_sqlite
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, House
from tests.unit import monitoring

pytestmark = on_sqlite


async def test_the_node_describes_itself(client: Client, mints: dict[str, Mint]) -> None:
    root = await client.call("GET", "/")
    assert (root.json["status"], root.json["version"]) == ("running", __version__)
    info = await client.call("GET", "/v1/info")
    assert info.json == {
        "name": "ARoutstrNode",
        "description": "A Routstr Node",
        "version": __version__,
        "npub": ME.npub,
        "receipt_pubkey": ME.pubkey,
        "mints": [*(mint.url for mint in mints.values()), GONE_MINT],
        "swap_mints": [],
        "http_url": f"http://{NAME}",
        "onion_url": "",
        "child_key_cost_msats": 0,
        "deposits_open": True,
        "maintenance": False,
    }


async def test_the_models_are_listed_with_prices_in_sat_and_usd(client: Client) -> None:
    listed = (await client.call("GET", "/v1/models")).json
    assert listed["object"] == "list"
    (exact,) = [model for model in listed["data"] if model["id"] == EXACT]
    assert exact["pricing"]["completion"] == 0.000008
    assert exact["sats_pricing"]["completion"] == 0.008
    assert exact["sats_pricing"]["prompt"] == 0
    one = await client.call("GET", f"/v1/models/{EXACT}")
    assert one.json["id"] == EXACT
    unknown = await client.call("GET", "/v1/models/no-such-model")
    assert unknown.error == (404, "not_found", "not_found")


async def test_health_names_every_part_and_serves_without_one_mint(
    client: Client, mints: dict[str, Mint]
) -> None:
    health = await client.call("GET", "/health")
    told = health.json
    assert health.status == 200
    assert (told["status"], told["database"], told["upstream"]) == ("degraded", "ok", "ok")
    assert told["mints"][mints["mint"].url] == "ok"
    assert told["mints"][GONE_MINT].startswith("failing")


async def test_monitoring_is_told_of_paid_requests_by_every_metric_it_knows(
    house: House, client: Client, purse: Purse
) -> None:
    """Two processes would tell the same; what rules and dashboard ask for is there."""
    before = await metrics(client)
    key = await client.new_key(await purse.token(5))
    paid = await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    await client.chat(key, EXACT, max_tokens=EXACT_LIMIT, stream=True)
    await client.call("POST", "/v1/balance/refund", key=key)
    after = await told(client, lambda now: grown(now, before, "routstr_requests_total") >= 2)
    assert grown(after, before, "routstr_charged_msat_total") == 2 * paid.cost == 2 * EXACT_MSAT
    for name, least in {
        "routstr_tokens_total": 2 * EXACT_LIMIT,
        "routstr_overhead_seconds_count": 2,
        "routstr_http_first_byte_seconds_count": 2,
        "routstr_transfers_total": 1,
        "routstr_mint_calls_total": 1,
        "routstr_ledger_commit_seconds_count": 2,
        "routstr_event_loop_lag_seconds_count": 0,
    }.items():
        assert grown(after, before, name) >= least, name
    (owed,) = await house.rows("SELECT sum(posted) FROM accounts WHERE kind IN (1, 2, 3, 4, 5)")
    assert after["routstr_liabilities_msat",] == int(owed[0])
    assert after["routstr_invariant_violations",] == 0
    assert not any(key in label for labels in after for label in labels)
    missing = asked_for() - {name for name, *_ in after}
    assert missing <= {
        "routstr_upstream_failures_total",
        "routstr_alerts_active",
        "routstr_database_retries_total",
        "routstr_database_replica_up",  # there is no replica
    }, "none happened"


async def metrics(client: Client) -> dict[tuple[str, ...], float]:
    answered = await client.call("GET", "/metrics")
    assert answered.status == 200, answered.body
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answered.body.decode())
        for sample in family.samples
    }


async def told(
    client: Client, enough: Callable[[dict[tuple[str, ...], float]], bool]
) -> dict[tuple[str, ...], float]:
    """The metrics as soon as they tell it; they are looked up once a second."""
    async with asyncio.timeout(10):
        while not enough(found := await metrics(client)):  # noqa: ASYNC110 - it is not told
            await asyncio.sleep(0.2)
    return found


def grown(
    after: dict[tuple[str, ...], float], before: dict[tuple[str, ...], float], name: str
) -> float:
    return sum(
        value - before.get(labels, 0) for labels, value in after.items() if labels[0] == name
    )


def asked_for() -> set[str]:
    return {
        name
        for expression in monitoring.expressions()
        for name, _ in monitoring.selectors(expression)
    } - {"up"}


async def test_the_books_can_be_verified_beside_the_node(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(5))
    await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    await client.refund(key)
    shown = await house.node.command("verify")
    assert shown.status == 0, shown.output
    assert "postings sum to zero" in shown.output
    assert "NO" not in shown.output
    told = await house.node.command("verify", "--json")
    outcome = json.loads(told.output)
    assert (told.status, outcome["holds"]) == (0, True)
    assert outcome["assets"] >= outcome["owed"] > 0
    assert purse.mint.url in {holding["mint"] for holding in outcome["holdings"]}


async def test_other_sites_may_call_the_api_without_credentials(client: Client) -> None:
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for path in ("/v1/chat/completions", "/v1/balance/refund"):
        reply = await client.call("OPTIONS", path, headers=asked)
        assert reply.status in {200, 204}
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in reply.headers
