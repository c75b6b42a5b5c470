"""The command line beside a running node: a client's purse, the operator's keys, a backup."""

import asyncio
import json
from pathlib import Path
from typing import Any

from devkit.node import Spoken
from routstr.auth import repository
from routstr.auth.keys import identify
from routstr.core.db import Database
from routstr.core.node_key import NodeKey, load_node_key
from routstr.core.settings import load_settings
from tests.integration.money.conftest import Purse, on_sqlite
from tests.integration.money.house import EXACT, EXACT_LIMIT, QUESTION, House

CHAT = "/v1/chat/completions"
PASSPHRASE = "correct horse battery"


async def told(house: House, *words: str, stdin: str = "", **environment: str) -> Any:
    """What a command says as JSON."""
    said = await run(house, *words, "--json", stdin=stdin, **environment)
    assert said.status == 0, said
    return said.json


async def run(house: House, *words: str, stdin: str = "", **environment: str) -> Spoken:
    return await house.node.speak(*words, stdin=stdin, environment=environment)


@on_sqlite
async def test_a_purse_pays_for_requests_and_keeps_the_change(
    house: House, purse: Purse, tmp_path: Path
) -> None:
    own = {"ROUTSTR_PURSE": str(tmp_path / "purse")}
    taken = await told(house, "pay", "receive", "-", stdin=await purse.token(200), **own)
    assert (taken["amount"], taken["fee"]) == (200, 0)

    body = {"model": EXACT, "messages": QUESTION, "max_tokens": EXACT_LIMIT}
    asked = ("pay", "request", f"{house.client.url}{CHAT}", "--data", json.dumps(body))
    paid = await told(house, *asked, **own)
    bill = paid["bill"]
    assert paid["answer"]["choices"]
    assert (bill["end"], bill["paid"] - bill["back"]) == ("change", 1)

    talk = ("chat", "--node", house.client.url, "--model", "good", "-m", "Hello?")
    talked = await run(house, *talk, **own)
    assert talked.status == 0, talked
    assert "spent]" in talked.error
    left = await told(house, "pay", "balance", **own)
    ((place,), still) = left["balances"], left["open"]
    assert still == []
    assert 190 < place["amount"] < 199

    assert (tmp_path / "purse").stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "purse").glob("purse.*"))


@on_sqlite
async def test_a_backup_under_load_restores_on_an_empty_machine(
    house: House, purse: Purse, tmp_path: Path
) -> None:
    key = await house.client.new_key(await purse.token(100))
    phrase = tmp_path / "phrase"
    phrase.write_text(PASSPHRASE)
    kept = tmp_path / "kept"
    words = (str(kept), "--passphrase-file", str(phrase))

    async def load() -> None:
        for _ in range(30):
            await house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)

    loading = asyncio.create_task(load())
    await told(house, "backup", *words)
    await loading

    new = tmp_path / "new"
    place = {
        "DATABASE_URL": f"sqlite:///{new}/node.db",
        "ROUTSTR_SECRET_KEY_FILE": str(new / "routstr_secret.key"),
    }
    assert (await told(house, "restore", *words, **place))["restored"]
    assert (await told(house, "verify", **place))["holds"]
    settings = load_settings(place, None)
    await _knows(settings.database_url.reveal(), load_node_key(settings), key)
    stored = (new / "node.db").read_bytes()
    said = (key, key.removeprefix("sk-"), QUESTION[0]["content"], "This is a played answer.")
    assert [one for one in said if one.encode() in stored] == []


async def _knows(url: str, node: NodeKey, key: str) -> None:
    """The restored database knows a client's key, by the restored secret key alone."""
    db = Database(url)
    db.start()
    try:
        found = await db.read(lambda c: repository.find(c, identify(node, key).key_hash))
        assert found is not None
    finally:
        await db.stop()
