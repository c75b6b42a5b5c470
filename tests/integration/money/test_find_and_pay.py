"""A client that knows a relay and nothing else finds the node, pays it and gets its change."""

import asyncio
import socket
import sys
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from devkit.ports import LOOPBACK
from devkit.relay import NostrRelay
from examples.find_and_pay import Refused, ask, buy, cheapest, find, main, offers
from routstr.core.secret import Secret
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.identity import Identity
from routstr.wallet import token
from tests.integration.money.conftest import GONE_MINT, NAME, Purse, on_sqlite
from tests.integration.money.house import EXACT, EXACT_MSAT, Client, House
from tests.unit.discovery.nodes_played import announced, raw

pytestmark = on_sqlite
EVE = Identity(Secret("66" * 32))
QUESTION = "Say something."


class ToTheNode(AbstractResolver):
    """Knows one name."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != NAME:
            raise OSError(host)
        found = ResolveResult(
            hostname=host, host=LOOPBACK, port=self._port, family=socket.AF_INET, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None: ...


async def test_from_a_relay_to_an_answer_and_its_change(
    house: House,
    client: Client,
    purse: Purse,
    relay: NostrRelay,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with asyncio.timeout(20):
        while not relay.held(ANNOUNCEMENT):  # noqa: ASYNC110 - what another process does
            await asyncio.sleep(0.05)
    (genuine,) = relay.held(ANNOUNCEMENT)
    forged = raw(announced(EVE, "http://forged.example.com", at=genuine["created_at"]))
    relay.extra = [
        forged | {"content": "{}"},
        raw(announced(EVE, "http://gone.example.com", more=(("mint", purse.mint.url),))),
        raw(announced(EVE, "http://elsewhere.example.com", name="2")),
    ]
    connector = aiohttp.TCPConnector(resolver=ToTheNode(house.node.port), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        nodes = {node.url for node in await find(session, relay.url, insecure=True)}
        names = (NAME, "gone.example.com", "elsewhere.example.com")
        assert nodes == {f"http://{name}" for name in names}
        assert await find(session, relay.url, insecure=False) == [], "tokens go through TLS only"

        paid = await purse.token(5)
        client.secrets.add(paid)
        bought = await buy(session, relay.url, paid, QUESTION, insecure=True)
        client.secrets.add(bought.change)
        assert (bought.offer.model, bought.offer.node.url) == (EXACT, f"http://{NAME}")
        assert bought.text
        given = token.decode(bought.change)
        change = int(given.unit.to_msat(given.amount))
        assert EXACT_MSAT <= bought.msat <= 5_000 - change < bought.msat + 1_000

        other = token.encode_b(token.Token(f"{GONE_MINT}/other", given.unit, given.proofs))
        with pytest.raises(LookupError, match="None of 3 nodes takes tokens"):
            await buy(session, relay.url, other, QUESTION, insecure=True)
        with pytest.raises(LookupError, match="can be paid with"):
            cheapest([replace(bought.offer, sat=Decimal("4.001"))], given)
        with pytest.raises(Refused) as refused:
            await ask(session, bought.offer, paid, QUESTION)
        assert token.decode(refused.value.token) == token.decode(paid), "it was spent already"
        assert await offers(session, bought.offer.node, QUESTION)

    monkeypatch.setattr(sys, "argv", ["find_and_pay.py", relay.url, QUESTION])
    monkeypatch.setenv("CASHU_TOKEN", bought.change)
    assert await main() == 1
    assert capsys.readouterr().out.startswith("None of 0 nodes takes tokens of ")

    relay.extra.clear()
    (one,) = await listed(client, f"http://{NAME}")
    assert one["provider"]["pubkey"] == genuine["pubkey"]
    assert one["health"]["endpoint"] == "error", "no name server knows it"


async def listed(client: Client, url: str) -> list[dict[str, dict[str, object]]]:
    """What the node itself has read of the relay, as soon as it has."""
    async with asyncio.timeout(30):
        while True:
            told = await client.call("GET", "/v1/providers/", params={"include_json": "true"})
            assert told.status == 200, told.body
            found = [
                one for one in told.json["providers"] if one["provider"]["endpoint_url"] == url
            ]
            if found:
                return found
            await asyncio.sleep(0.1)
