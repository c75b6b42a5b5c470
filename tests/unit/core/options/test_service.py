"""Changes: all or nothing, used before they are stored, seen by every process."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.options.models import Option
from routstr.core.options.service import TRY_AGAIN_SECONDS, Agree, Options, Unusable
from routstr.core.settings import Settings
from routstr.errors import SettingsInvalid

CLOCK = ManualClock()
MINT = "https://mint.example.com"


class Node:
    """Serves with whatever settings it is told, unless they are called bad."""

    def __init__(self) -> None:
        self.served: list[Settings] = []
        self.asked = 0
        self.meanwhile: Options | None = None

    async def use(self, settings: Settings, agree: Agree | None) -> None:
        self.asked += 1
        if settings.name == "bad":
            raise Unusable("a bad name")
        if self.meanwhile is not None:
            other, self.meanwhile = self.meanwhile, None
            await other.change({"description": "of somebody else"})
        if agree is not None:
            await agree()
        self.served.append(settings)


def anything(_settings: Settings) -> None: ...


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'options.db'}")
    made.start()
    table = SQLModel.metadata.tables[str(Option.__tablename__)]
    await made.write(lambda tx: table.create(tx.sql))
    yield made
    await made.stop()


def process(db: Database, given: Settings | None = None) -> tuple[Options, Node]:
    node = Node()
    return Options(db, CLOCK, given or Settings(), anything, node.use), node


async def test_a_change_is_served_with_and_known_after_the_next_start(db: Database) -> None:
    options, node = process(db)
    await options.change({"name": "Mine", "exchange_fee": 1.02, "cashu_mints": f"{MINT}/"})
    (served,) = node.served
    assert (served.name, str(served.exchange_fee), served.cashu_mints) == ("Mine", "1.02", (MINT,))
    stored = await options.current()
    assert {name: one.value for name, one in stored.items()} == {
        "name": "Mine", "exchange_fee": "1.02", "cashu_mints": [MINT],
    }  # fmt: skip
    again, _ = process(db)
    assert await again.load() == served


async def test_a_value_goes_back_to_its_default(db: Database) -> None:
    options, node = process(db)
    await options.change({"name": "Mine", "description": "It"})
    await options.change({"name": None, "npub": None})
    assert node.served[-1].name == "ARoutstrNode"
    assert list(await options.current()) == ["description"]


async def test_nothing_is_stored_unless_everything_fits(db: Database) -> None:
    options, node = process(db, Settings(npub="", upstream_provider_fee="2"))
    with pytest.raises(SettingsInvalid) as caught:
        await options.change({"name": "N", "exchange_fee": "0", "min_payout_sat": -1})
    assert list(caught.value.problems) == ["exchange_fee", "min_payout_sat"]
    assert caught.value.details["param"] == "exchange_fee"
    for values in (
        {"upstream_provider_fee": "3"},
        {"port": 9},
        {"nonsense": 1},
        {"primary_mint_url": MINT},
        {"name": "bad"},
    ):
        with pytest.raises(SettingsInvalid):
            await options.change({"description": "D", **values})
    assert not node.served
    assert not await options.current()


async def test_a_whole_answer_may_be_sent_back_and_changes_what_differs(db: Database) -> None:
    options, node = process(db, Settings(upstream_api_key="sk-x", exchange_fee="1.01"))
    shown = json.loads(options.effective.settings.model_dump_json())
    whole = {
        **shown, "exchange_fee": 1.01, "upstream_api_key": "[REDACTED]", "admin_password": "",
        "database_url": "[REDACTED]", "routstr_secret_key": "", "redis_url": "",
        "nsec": "", "metrics_token": "", "database_replica_url": "",
    }  # fmt: skip
    whole["mint_operation_timeout_seconds"] = 30  # JavaScript knows no 30.0
    await options.change(whole)
    assert not node.served
    await options.change({**whole, "name": "Mine"})
    assert list(await options.current()) == ["name"]


async def test_another_process_follows_and_one_that_cannot_goes_on(db: Database) -> None:
    options, _ = process(db)
    other, node = process(db)
    await other.load()
    await other.look()
    assert not node.served, "nothing has changed"
    await options.change({"name": "Mine"})
    await other.look()
    await other.look()
    assert [one.name for one in node.served] == ["Mine"]

    def store_bad(tx: object) -> None:
        tx.sql.exec_driver_sql("UPDATE options SET value = '\"bad\"'")  # type: ignore[attr-defined]

    await db.write(store_bad)
    await other.look()
    await other.look()
    assert other.trouble == "a bad name"
    assert other.effective.settings.name == "Mine"
    assert node.asked == 2, "it does not try again and again"
    CLOCK.advance(seconds=TRY_AGAIN_SECONDS)
    await other.look()
    assert node.asked == 3
    await options.look()
    await other.change({"name": "Good"})
    assert node.served[-1].name == "Good"
    assert not other.trouble


async def test_of_two_changes_at_the_same_time_none_is_lost(db: Database) -> None:
    options, node = process(db)
    node.meanwhile, _ = process(db)
    await options.change({"name": "Mine"})
    stored = await options.current()
    assert {name: one.value for name, one in stored.items()} == {
        "description": "of somebody else", "name": "Mine",
    }  # fmt: skip
    assert node.served[-1].description == "of somebody else"
