import json
from pathlib import Path

import aiohttp
import psycopg
import pytest
from sqlalchemy import create_engine, text

from devkit.mint import Mint
from devkit.model import ALIAS, Model
from devkit.postgres import Postgres, database_name
from devkit.probe import get


async def keysets(mint: Mint) -> list[tuple[str, int, int]]:
    """Unit, input fee and length of the id (in hex digits) of each keyset."""
    answer = await get(mint.port, "/v1/keysets")
    assert answer is not None
    found = json.loads(answer.body)["keysets"]
    return sorted((one["unit"], one["input_fee_ppk"], len(one["id"])) for one in found)


@pytest.mark.mint
async def test_the_mint_serves_both_units_with_long_keyset_ids(mint: Mint) -> None:
    assert await keysets(mint) == [("msat", 0, 66), ("sat", 0, 66)]


@pytest.mark.mint
async def test_the_old_mint_has_short_keyset_ids_and_fees(old_mint: Mint) -> None:
    assert await keysets(old_mint) == [("msat", 100, 16), ("sat", 100, 16)]


@pytest.mark.mint
async def test_a_mint_keeps_its_keys_and_port_over_a_crash(tmp_path: Path) -> None:
    mint = await Mint.start(tmp_path / "mint")
    before = (mint.url, await get(mint.port, "/v1/keysets"))
    mint.kill()
    assert await get(mint.port, "/v1/keysets") is None
    await mint.restart()
    assert (mint.url, await get(mint.port, "/v1/keysets")) == before
    await mint.stop()


@pytest.mark.mint
async def test_a_frozen_mint_does_not_answer_until_it_thaws(mint: Mint) -> None:
    mint.freeze()
    assert await get(mint.port, "/v1/keysets", limit_s=0.3) is None
    mint.thaw()
    assert await get(mint.port, "/v1/keysets") is not None


def test_each_test_has_a_database_of_its_own(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (id INTEGER)"))
    engine.dispose()


@pytest.mark.postgres
def test_a_database_can_be_copied_and_dropped_under_a_client(postgres: Postgres) -> None:
    original = postgres.create_database()
    engine = create_engine(original)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE copied (id INTEGER)"))
    engine.dispose()
    copy = postgres.create_database(copy_of=original)
    host, name = str(postgres.folder), database_name(copy)
    with psycopg.connect(host=host, user="postgres", dbname=name) as connected:
        assert connected.execute("SELECT count(*) FROM copied").fetchone() == (0,)
        postgres.drop_database(copy)
        with pytest.raises(psycopg.OperationalError):
            connected.execute("SELECT 1")
    postgres.drop_database(original)


@pytest.mark.postgres
async def test_a_stopped_server_leaves_no_folder() -> None:
    server = await Postgres.start()
    assert server.folder.exists()
    await server.stop()
    assert not server.folder.exists()


async def test_the_model_answers_and_counts_its_tokens(tmp_path: Path) -> None:
    model = await Model.start(tmp_path, api_key="sk-of-the-model")
    question = "Tell me in one sentence what electronic cash is."
    body = {
        "model": ALIAS,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 40,
    }
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {model.api_key}"}) as client,
        client.post(f"{model.base_url}/chat/completions", json=body) as response,
    ):
        answer = await response.json()
    await model.stop()
    assert answer["model"] == ALIAS
    assert "money" in answer["choices"][0]["message"]["content"]
    assert 1 < answer["usage"]["completion_tokens"] <= 40


async def test_the_model_serves_only_who_knows_its_key(tmp_path: Path) -> None:
    model = await Model.start(tmp_path, api_key="sk-of-the-model")
    answer = await get(model.port, "/v1/models")
    await model.stop()
    assert answer is not None
    assert answer.status == 401
