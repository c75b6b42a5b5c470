"""A wallet whose database is gone, or is an old one: every sat comes back from real mints."""

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from devkit.mint import Mint
from devkit.node import Spoken
from devkit.payer import Payer
from devkit.postgres import Postgres
from routstr.core.db.sqlite import database_path
from routstr.money import Unit
from routstr.wallet import token
from tests.integration.money.house import EXACT, EXACT_LIMIT, House, open_house

pytestmark = pytest.mark.mint
NewDatabase: TypeAlias = Callable[..., str]
LIMIT_S = 300.0


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> Iterator[NewDatabase]:
    """Makes another database of the same kind, empty or a copy of one that nobody uses."""
    made: list[str] = []
    server: Postgres | None = None
    if database_url.startswith("postgresql"):
        server = request.getfixturevalue("postgres")

    def make(copy_of: str | None = None) -> str:
        if server is not None:
            made.append(server.create_database(copy_of=copy_of))
            return made[-1]
        file = tmp_path / f"another-{len(made)}.db"
        made.append(f"sqlite:///{file}")
        if copy_of is not None:
            shutil.copy(database_path(copy_of), file)
        return made[-1]

    yield make
    if server is not None:
        for url in made:
            server.drop_database(url)


@asynccontextmanager
async def a_house(
    folder: Path, database_url: str, mints: list[Mint], **more: str
) -> AsyncIterator[House]:
    async with open_house(folder, database_url, [mint.url for mint in mints], more=more) as house:
        yield house
        assert house.leaks() == []


async def command(house: House, *arguments: str, stdin: str = "", **environment: str) -> Spoken:
    """Run the command line as an operator would, with something on its standard input."""
    return await house.node.speak(*arguments, stdin=stdin, environment=environment, limit_s=LIMIT_S)


async def holds(house: House, **environment: str) -> Mapping[str, Any]:
    """Verify the books by the command."""
    done = await command(house, "verify", "--json", **environment)
    outcome: Mapping[str, Any] = done.json
    assert done.status == 0, [check for check in outcome["checks"] if check["problems"]]
    return outcome


async def live(house: House, mint: Mint, unit: Unit) -> int:
    """Deposits, requests, refunds and change at one mint in one unit.

    Returns the face value of the one token whose owner has redeemed it.
    """
    some = 3_000 if unit is Unit.SAT else 2_000_000
    client = house.client
    async with Payer(mint.url) as payer:
        keeps = await client.new_key(await payer.token(some, unit))
        goes = await client.new_key(await payer.token(some + 7, unit))
        for key in (keeps, goes):
            assert (await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)).status == 200
        assert (await client.topup(keeps, await payer.token(some // 3, unit))).status == 200
        refund = token.decode((await client.refund(goes)).json["token"])
        await payer.redeem(token.encode_b(refund))
        paid = await client.pay(await payer.token(some, unit), EXACT, max_tokens=EXACT_LIMIT)
        assert paid.status == 200
        assert paid.headers["X-Cashu"]
        return refund.amount


async def at_the_mints(house: House) -> Counter[tuple[str, str]]:
    """What the node has and what it gave out: the words lead to both while it is unspent."""
    rows = await house.rows(
        "SELECT k.mint, k.unit, sum(p.amount) FROM proofs p JOIN keysets k ON k.id = p.keyset"
        " WHERE p.status IN (0, 3) GROUP BY k.mint, k.unit"
    )
    return Counter({(mint, unit): int(amount) for mint, unit, amount in rows})


def told(outcome: Mapping[str, Any], name: str) -> Counter[tuple[str, str]]:
    """Amounts of a restoration by mint and unit."""
    found: Counter[tuple[str, str]] = Counter()
    for row in outcome[name]:
        found[row["mint"], row["unit"]] += row["amount" if name == "keysets" else "liquid"]
    return +found


@pytest.mark.slow  # four lives of a wallet; a backup is brought up to its mints in the quick step
async def test_the_words_bring_every_sat_back(
    tmp_path: Path,
    database_url: str,
    new_database: NewDatabase,
    mint: Mint,
    old_mint: Mint,
) -> None:
    async with a_house(tmp_path, database_url, [mint, old_mint]) as house:
        assert "seed_not_written_down" in house.logged()
        redeemed = Counter(
            {
                (place.url, unit.value): await live(house, place, unit)
                for place in (mint, old_mint)
                for unit in Unit
            }
        )
        words = (await command(house, "wallet", "seed", "--yes")).output.strip()
        assert len(words.split()) == 12
        await house.node.stop()
        before = await at_the_mints(house) - redeemed
        assert len(before) == 4

        elsewhere = {
            "DATABASE_URL": new_database(),
            "ROUTSTR_SECRET_KEY_FILE": str(tmp_path / "another.key"),
        }
        restore = "wallet", "restore", "--seed", "--json", "--gap", "600"
        first = await command(house, *restore, stdin=words, **elsewhere)
        assert first.status == 0, first.error
        assert first.json["complete"]
        assert told(first.json, "keysets") == told(first.json, "holdings") == before
        outcome = await holds(house, **elsewhere)
        assert (outcome["owed"], outcome["assets"]) == (0, worth(before))

        again = await command(house, *restore, stdin=words, **elsewhere)
        assert again.status == 0, again.error
        assert told(again.json, "keysets") == Counter()
        assert told(again.json, "holdings") == before

        refused = await command(house, *restore, stdin=words)
        assert (refused.status, refused.output) == (1, "")
        assert "in use already" in refused.error
        other = "abandon " * 11 + "about"
        refused = await command(house, *restore, stdin=other, **elsewhere)
        assert refused.status == 1
        assert "belongs to another wallet" in refused.error

        await house.node.restart(elsewhere)
        for place in (mint, old_mint):
            for unit in Unit:
                await live(house, place, unit)
        await house.node.stop()
        await holds(house)
        written = house.logged()
        assert "database_older_than_mint" not in written
        assert words not in written
        assert first.error.count(words.split()[0]) < 12
        assert await house.rows("SELECT count(*) FROM sagas WHERE state = 0") == [(0,)]


def worth(amounts: Mapping[tuple[str, str], int]) -> int:
    """In msat."""
    return sum(int(Unit(unit).to_msat(amount)) for (_, unit), amount in amounts.items())


async def test_an_old_backup_is_brought_up_to_its_mints(
    tmp_path: Path,
    database_url: str,
    new_database: NewDatabase,
    mint: Mint,
    old_mint: Mint,
) -> None:
    async with a_house(tmp_path, database_url, [mint, old_mint]) as house:
        client = house.client
        async with Payer(mint.url) as payer, Payer(old_mint.url) as old_payer:
            keys = {
                payer: await client.new_key(await payer.token(500)),
                old_payer: await client.new_key(await old_payer.token(500)),
            }
            await house.node.stop()
            backup = new_database(copy_of=database_url)

            await house.node.restart()
            for at, key in keys.items():
                assert (await client.topup(key, await at.token(300))).status == 200
                lost = await client.new_key(await at.token(64))
                assert (await client.chat(lost, EXACT, max_tokens=EXACT_LIMIT)).status == 200
                first = (await client.refund(lost)).json
                await at.redeem(first["token"])
            await house.node.stop()

            await house.node.restart({"DATABASE_URL": backup})
            house.database_url = backup
            assert await client.balance(keys[payer]) == (500_000, 0)
            for at, key in keys.items():
                made = await client.create(await at.token(128))
                assert made.status == 200, made.body
                refund = await client.refund(key)
                assert refund.status == 200, refund.body
                assert await at.redeem(refund.json["token"]) > 0
                assert (await client.refund(made.json["api_key"])).status == 200
            assert await house.rows("SELECT count(*) FROM sagas WHERE state = 0") == [(0,)]
            assert "database_older_than_mint" in house.logged()
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        ((recovered,),) = await house.rows("SELECT posted FROM accounts WHERE name = 'recovered'")
        assert recovered > 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_operators_money_goes_in_out_and_into_a_backup(
    tmp_path: Path, database_url: str, new_database: NewDatabase, mint: Mint
) -> None:
    async with a_house(tmp_path, database_url, [mint]) as house, Payer(mint.url) as payer:
        key = await house.client.new_key(await payer.token(300))
        mine = [await payer.token(amount) for amount in (1_000, 24)]
        house.client.secrets.update(mine)
        for _ in range(2):  # the second time it brings nothing
            done = await command(house, "wallet", "import", "-", "--json", stdin="\n".join(mine))
            assert done.status == 0, done.error
            assert [one["credited"] for one in done.json["tokens"]] == [1_000, 24]
        outcome = await holds(house)
        assert (outcome["assets"], outcome["owed"]) == (1_324_000, 300_000)

        refund = (await house.client.refund(key)).json
        await payer.redeem(refund["token"])
        asked = await command(house, "verify", "--mints", "--json")
        assert asked.status == 0, asked.output
        (sat,) = asked.json["mints"]
        assert (sat["ours"], sat["spent"], sat["redeemed"]) == (1_024, 0, 300)

        phrase = tmp_path / "phrase"
        phrase.write_text("correct horse battery")
        secret = "--passphrase-file", str(phrase)
        done = await command(house, "wallet", "export", str(tmp_path / "backup"), *secret)
        assert done.status == 0, done.error
        await house.node.stop()

        elsewhere = {
            "DATABASE_URL": new_database(),
            "ROUTSTR_SECRET_KEY_FILE": str(tmp_path / "another.key"),
        }
        restore = "wallet", "restore", "--backup", str(tmp_path / "backup"), "--gap", "100"
        done = await command(house, *restore, "--json", *secret, **elsewhere)
        assert done.status == 0, done.error
        assert told(done.json, "holdings") == Counter({(mint.url, "sat"): 1_024})
        await holds(house, **elsewhere)
