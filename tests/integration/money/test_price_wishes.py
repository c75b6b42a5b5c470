"""What a client asks about a price and demands of it, at a running node."""

from tests.integration.money.conftest import Purse, on_sqlite
from tests.integration.money.house import QUESTION, Client, Reply

pytestmark = on_sqlite


async def test_an_estimate_is_what_a_ceiling_has_to_allow(client: Client, purse: Purse) -> None:
    body = {"model": "good", "messages": QUESTION, "max_tokens": 100}
    key = await client.new_key(await purse.token(5))

    async def ask(**headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.call("POST", "/v1/chat/completions", key=key, headers=sent, json=body)

    estimate = await client.call("POST", "/v1/estimate", json=body)
    assert estimate.status == 200, estimate.body
    worst = estimate.json["cost"]["worst_msats"]
    refused = await ask(X_Max_Cost_Msat=str(worst - 1))
    assert refused.error == (400, "invalid_request_error", "max_cost_exceeded")
    assert await client.balance(key) == (5_000, 0)
    served = await ask(X_Max_Cost_Msat=str(worst))
    assert served.status == 200
    assert served.cost <= worst
    assert await client.balance(key) == (5_000 - served.cost, 0)

    body["max_tokens"] = 1_000
    left = 5_000 - served.cost
    assert (await ask()).status == 402
    fitted = await ask(X_Routstr_Fit_Balance="1")
    assert fitted.status == 200
    assert int(fitted.headers["X-Routstr-Max-Tokens"]) < 1_000
    assert await client.balance(key) == (left - fitted.cost, 0)
