"""A node's old charges leave while it serves, by the command that its operator types."""

import json
from pathlib import Path

from devkit.mint import Mint
from devkit.payer import Payer
from routstr.core.request_id import REQUEST_ID_HEADER
from tests.chaos.world import Instance
from tests.integration.money.house import Client, House, open_house

TWO_DAYS_AGO = -2 * 86_400


async def in_the_past(house: House, folder: Path, token: str) -> tuple[str, list[str]]:
    """A key, and the ids of requests that it paid for two days ago."""
    await house.node.stop()
    instance = Instance("past", folder, house.node.settings)
    instance.folder.mkdir()
    instance.jump(TWO_DAYS_AGO)
    await instance.start()
    client = Client(house.client._session, instance.url)
    key = await client.new_key(token)
    paid = [await client.chat(key) for _ in range(5)]
    assert await instance.child.stop(grace_s=20) == 0
    await house.node.restart()
    return key, [one.headers[REQUEST_ID_HEADER] for one in paid]


async def test_old_charges_leave_while_the_node_serves(tmp_path: Path, mint: Mint) -> None:
    file = str(tmp_path / "archive-1")
    async with (
        Payer(mint.url) as payer,
        open_house(tmp_path, f"sqlite:///{tmp_path / 'old.db'}", [mint.url]) as house,
    ):
        key, requests = await in_the_past(house, tmp_path, await payer.token(100))
        today = await house.client.chat(key)
        before = await house.client.call("GET", "/v1/balance/info", key=key)
        made = await house.node.speak("archive", "make", file, "--days", "1", "--json")
        assert made.status == 0, made.error
        assert (made.json["number"], made.json["removed"]) == (1, len(requests))
        assert made.json["complete"]
        assert (await house.client.call("GET", "/v1/balance/info", key=key)).json == before.json
        assert [one["amount"] for one in await house.client.history(key)][:2] == [
            -today.cost,
            100_000,
        ]
        assert (await house.node.command("verify")).status == 0
        await house.client.chat(key)
        assert (await house.node.command("verify", "--incremental")).status == 0
        again = await house.node.speak("archive", "make", f"{file}-2", "--days", "1")
        assert (again.status, "nothing is old enough" in again.error) == (1, True)
        listed = (await house.node.speak("archive", "list", "--json")).json
        assert [one["number"] for one in listed] == [1]
        assert "transfers up to" in (await house.node.speak("archive", "list")).output
        pubkey = (await house.client.call("GET", "/v1/info")).json["receipt_pubkey"]
        proven = await house.node.speak("archive", "check", file, "--pubkey", pubkey)
        assert "genuine (with its opening sums): 5 charges" in proven.output, proven.error
        found = await house.node.speak("archive", "find", file, requests[0], "--json")
        [charge] = json.loads(found.output)["charges"]
        assert charge["model"] == "good"
        assert (await house.node.speak("archive", "find", file, "unknown")).status == 1
