"""The operator takes out what is the node's own, over the admin API, at a real mint."""

from pathlib import Path
from typing import Any

import pytest

from devkit.fault_proxy import FaultProxy
from devkit.faults import lost
from devkit.lnurl import LnurlServer
from devkit.mint import Mint
from devkit.payer import Payer
from devkit.postgres import Postgres
from tests.integration.money.house import House, Reply, open_house

PASSWORD = "correct horse battery"
MELT = "/v1/melt/bolt11"
OWN_SAT = 500


class Operator:
    def __init__(self, house: House, token: str) -> None:
        self._house = house
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **body: Any) -> Reply:
        sent: dict[str, Any] = {"json": body} if method == "POST" else {}
        return await self._house.client.call(method, f"/admin{path}", headers=self._headers, **sent)

    async def told(self, method: str, path: str, **body: Any) -> Any:
        reply = await self.ask(method, path, **body)
        assert reply.status == 200, reply.body
        return reply.json


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'routstr.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.create_database()


async def test_the_surplus_goes_out_once_and_never_more_than_it(
    database_url: str, mint: Mint, tmp_path: Path
) -> None:
    async with (
        FaultProxy(mint.url) as proxy,
        Payer(proxy.url) as payer,
        LnurlServer() as bob,
        open_house(tmp_path, database_url, [proxy.url], more={"ADMIN_PASSWORD": PASSWORD}) as house,
    ):
        client = house.client
        login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
        operator = Operator(house, login.json["token"])
        key = await client.new_key(await payer.token(1_000))
        gift = {"token": await payer.token(OWN_SAT)}
        assert (await client.call("POST", "/v1/balance/donate", json=gift)).status == 200

        wallet = await operator.told("GET", "/api/wallet")
        own = int(wallet["yours_msat"])
        assert wallet["owed_msat"] == 1_000_000
        assert own == wallet["held_msat"] - wallet["owed_msat"]
        (balance,) = await operator.told("GET", "/api/balances")
        assert balance["owner_balance"] == own // 1_000

        wish = {"amount": 100, "unit": "sat", "operation_id": "monday"}
        taken = await operator.told("POST", "/withdraw", **wish)
        assert await operator.told("POST", "/withdraw", **wish) == taken
        other = await operator.ask("POST", "/withdraw", **{**wish, "amount": 101})
        assert other.error[2] == "idempotency_key_reused"
        given = await operator.told("GET", "/api/wallet")
        (place,) = given["mints"][0]["places"]
        assert place["given_out"] >= 100
        assert (place["owed_msat"], place["yours_msat"]) == (
            given["owed_msat"],
            given["yours_msat"],
        )
        assert await payer.redeem(taken["token"]) > 0

        for wrong in ({"amount": own // 1_000}, {"amount": 99_999}):
            refused = await operator.ask("POST", "/withdraw", **wrong)
            assert refused.error == (409, "invalid_request_error", "surplus_too_small")
            assert "apart from what it owes" in refused.message
        paid = await operator.told(
            "POST", "/api/wallet/payouts", to=bob.address, amount_sat=50, operation_id="tuesday"
        )
        assert (paid["state"], paid["amount"]) == ("done", 50)

        proxy.plan(MELT, lost(handled=True))
        waiting = await operator.told("POST", "/api/wallet/payouts", to=bob.address, amount_sat=20)
        proxy.reset()
        resolved = await operator.told("POST", f"/api/wallet/sagas/{waiting['saga']}/resolve")
        assert (resolved["open"], resolved["sagas"][0]["saga"]["state"]) == (0, "done")
        listed = (await operator.told("GET", "/api/wallet/payouts"))["payouts"]
        assert [(one["amount"], one["state"]) for one in listed] == [
            (20, "done"),
            (50, "done"),
            (taken["amount"], "done"),
        ]

        assert await client.balance(key) == (1_000_000, 0)
        assert (await client.refund(key)).status == 200
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []
