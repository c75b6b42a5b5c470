"""Refunds over Lightning, as a client asks for them."""

from tests.integration.money.house import Client, Reply

REFUND = "/v1/balance/refund"


async def refund(client: Client, key: str, address: str, path: str = REFUND) -> Reply:
    return await client.call("POST", path, key=key, json={"lightning_address": address})
