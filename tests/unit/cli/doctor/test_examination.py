"""Planted faults: of each the doctor names the cause and the remedy, and nothing else is a fault.

The faults are real ones: files, a database, sockets and answers, not findings.
"""

import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from routstr.cli.doctor.examination import Examined, examine
from routstr.cli.doctor.findings import State
from routstr.cli.doctor.patient import Patient
from routstr.cli.doctor.registry import CHECKS, Check
from routstr.core.settings import Settings
from tests.unit.cli.doctor.town import OFFER, Town, keysets, models

Plant = Callable[[Town, ExitStack], None]


def another_key(town: Town, _: ExitStack) -> None:
    (town.folder / "routstr_secret.key").write_text("ab" * 32)


def no_key(town: Town, _: ExitStack) -> None:
    (town.folder / "routstr_secret.key").unlink()


def open_key(town: Town, _: ExitStack) -> None:
    (town.folder / "routstr_secret.key").chmod(0o644)


def read_only(town: Town, _: ExitStack) -> None:
    (town.folder / "node.db").chmod(0o400)


def readable_by_all(town: Town, _: ExitStack) -> None:
    (town.folder / "node.db").chmod(0o644)


def newer_schema(town: Town, _: ExitStack) -> None:
    _sql(town, "UPDATE alembic_version SET version_num = '9999'")


def no_trigger(town: Town, _: ExitStack) -> None:
    _sql(town, "DROP TRIGGER transfers_no_update")


def full_disk(town: Town, _: ExitStack) -> None:
    town.free = 10 * 1024**2


def mint_away(town: Town, _: ExitStack) -> None:
    town.changed["cashu_mints"] = "http://127.0.0.1:9"


def mint_in_dollars(town: Town, _: ExitStack) -> None:
    town.answers["/mint/v1/keysets"] = (200, keysets("usd"))


def key_refused(town: Town, _: ExitStack) -> None:
    town.answers["/llm/v1/models"] = (401, {})


def nothing_priced(town: Town, _: ExitStack) -> None:
    (town.folder / "models.json").write_text(json.dumps(models()))
    town.changed["model_sources"] = "file,upstream"


def wrong_clock(town: Town, _: ExitStack) -> None:
    town.late_s = 3_600


def stale_price(town: Town, _: ExitStack) -> None:
    town.answers["/one"] = (503, {})


def dead_address(town: Town, _: ExitStack) -> None:
    town.answers["/.well-known/lnurlp/me"] = (404, {})


def without_tls(town: Town, _: ExitStack) -> None:
    town.changed["http_url"] = "http://node.example"


def no_tor(town: Town, _: ExitStack) -> None:
    town.changed |= {"tor_all": True, "tor_proxy_url": "socks5://127.0.0.1:9"}


def taken_port(town: Town, stack: ExitStack) -> None:
    other = stack.enter_context(socket.socket())
    other.bind(("127.0.0.1", 0))
    other.listen()
    other.settimeout(1)
    town.changed["port"] = town.url.rsplit(":", 1)[1]


@pytest.mark.parametrize(
    ("plant", "check", "cause", "remedy"),
    [
        (another_key, "secret key", "made with another key", "Put back the key"),
        (no_key, "secret key", "there is no file", "Put back the key"),
        (open_key, "secret key", "open to others", "chmod 600"),
        (read_only, "database", "the file is read-only", "chmod 600"),
        (readable_by_all, "database", "other users of this machine", "chmod 600"),
        (newer_schema, "database", "revision 9999", "Install the newer version"),
        (no_trigger, "database", "transfers_no_update", "Restore a backup"),
        (full_disk, "database", "the disk of", "Make room"),
        (mint_away, "mints", "cannot be reached", "take it out of CASHU_MINTS"),
        (mint_in_dollars, "mints", "none of its active keysets", "tokens cannot be taken"),
        (key_refused, "providers", "it answers 401", "UPSTREAM_API_KEY"),
        (nothing_priced, "providers", "none has a price", "MODELS_PATH"),
        (wrong_clock, "clock", "time is not kept", "timedatectl set-ntp true"),
        (stale_price, "price", "one: HTTP status 503", "BTC_USD"),
        (dead_address, "payouts", "knows no such address", "RECEIVE_LN_ADDRESS"),
        (without_tls, "address", "keys and tokens would cross", "certificate"),
        (no_tor, "tor", "TOR_ALL needs it", "systemctl start tor"),
        (taken_port, "port", "another program listens", "PORT"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_a_planted_fault_is_named_with_its_cause_and_remedy(
    town: Town, plant: Plant, check: str, cause: str, remedy: str
) -> None:
    with ExitStack() as stack:
        plant(town, stack)
        faults = [one for one in await town.examine() if one.is_fault]
    assert [one.check for one in faults] == [check], faults
    assert cause in faults[0].finding.cause
    assert remedy in faults[0].finding.remedy


async def test_a_healthy_node_has_no_fault_and_every_check_says_so(town: Town) -> None:
    before = _state(town)
    told = await town.examine()
    asleep = {one.check for one in told if one.finding.state is State.SKIPPED}
    assert asleep == {"relays", "tor"}, "the node is neither announced nor behind Tor"
    assert {one.finding.state for one in told if one.check not in asleep} == {State.WELL}, told
    names = {one.check for one in told}
    assert names == {"settings", "database", "secret key", "clock", *(c.name for c in CHECKS)}
    assert _state(town) == before, "the doctor changes nothing"


async def test_where_nothing_is_yet_nothing_is_made(town: Town) -> None:
    town.changed |= {"database_url": f"sqlite:///{town.folder}/new/node.db", "cashu_mints": ""}
    told = await town.examine()
    assert not (town.folder / "new").exists()
    assert {one.check for one in told if one.is_fault} == {"mints"}
    assert [one.finding.what for one in told if one.check == "secret key"] == ["no secret key yet"]


async def test_small_troubles_are_warnings(town: Town) -> None:
    town.answers |= {
        "/mint/v1/info": (200, {"nuts": {nut: {"supported": True} for nut in ("7", "9", "12")}}),
        "/llm/v1/models": (404, {}),
        "/.well-known/lnurlp/me": (200, {**OFFER, "maxSendable": 1_000}),
    }
    town.free = 500 * 1024**2
    told = await town.examine()
    warned = [one for one in told if one.finding.state is State.WARNING]
    names = [one.check for one in warned]
    assert names == ["database", "mints", "mints", "providers", "payouts"]
    assert all(one.finding.cause and one.finding.remedy for one in warned)


async def test_a_check_that_hangs_is_a_fault_of_its_own(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: Patient) -> list[Examined]:
        raise TimeoutError

    told = await examine(town.settings, town.ports, checks=[Check("slow", hang)])  # type: ignore[arg-type]
    assert [one.check for one in told if one.is_fault] == ["slow"]


def _state(town: Town) -> tuple[list[str], bytes]:
    settings: Settings = town.settings
    assert settings.database_file is not None
    names = sorted(path.name for path in town.folder.iterdir() if "node.db-" not in path.name)
    return names, settings.database_file.read_bytes()


def _sql(town: Town, statement: str) -> None:
    connection = sqlite3.connect(town.folder / "node.db")
    with connection:
        connection.execute(statement)
    connection.close()
