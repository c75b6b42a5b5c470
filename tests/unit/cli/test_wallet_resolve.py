"""The command that ends what hangs, as far as that needs no mint."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from routstr.cli.wallet_resolve import words
from routstr.money import Unit
from routstr.payment.resolving import Answer
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Movement
from tests.unit.cli.stage import KEY, NEXT_BOOT, SECRET, Stage

ISSUED = "20,999 sat issued, which its owner's next refund request tells"
PAID = "another mint was paid; what comes of it is credited when it is here"
BACK = "21,000 sat back in the balance"


def movement(kind: SagaKind, state: SagaState) -> Movement:
    return Movement(
        id=7,
        kind=kind,
        purpose="topup" if kind is SagaKind.RECEIVE else "refund",
        state=state,
        mint="https://mint.example",
        unit=Unit.SAT,
        gross=21_000,
        fee=1,
        created_at=1,
        ended_at=None,
        owner=1,
        problem=None,
    )


@pytest.mark.parametrize(
    ("kind", "state", "told"),
    [
        (SagaKind.RECEIVE, SagaState.OPEN, "saga 7, topup: still open."),
        (SagaKind.RECEIVE, SagaState.DONE, "saga 7, topup: done, 20,999 sat credited."),
        (SagaKind.RECEIVE, SagaState.FAILED, "saga 7, topup: undone, nothing credited."),
        (SagaKind.SEND, SagaState.DONE, f"saga 7, refund: done, a token of {ISSUED}."),
        (SagaKind.SEND, SagaState.FAILED, f"saga 7, refund: undone, {BACK}."),
        (SagaKind.FORWARD, SagaState.DONE, f"saga 7, refund: done, {PAID}."),
        (SagaKind.FORWARD, SagaState.FAILED, "saga 7, refund: undone, nothing credited."),
    ],
)
def test_an_answer_says_what_became_of_the_money(
    kind: SagaKind, state: SagaState, told: str
) -> None:
    answer = Answer(movement(kind, state))
    assert words(answer) == told
    assert words(replace(answer, why="the mint refused")) == f"{told[:-1]}; the mint refused."
    assert answer.is_open is (state is SagaState.OPEN)


def test_nothing_open_is_well(database: Stage) -> None:
    assert database.run("resolve") == (0, "No saga is open: nothing to do.\n", "")
    assert json.loads(database.run("resolve", "--json").output) == {"sagas": [], "open": 0}


def test_nothing_to_do_needs_no_key_and_makes_none(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROUTSTR_SECRET_KEY")
    assert database.run("resolve").status == 0
    assert not (database.folder / "routstr_secret.key").exists()


def test_a_saga_that_does_not_exist_cannot_be_resolved(database: Stage) -> None:
    done = database.run("resolve", "99")
    assert (done.status, done.output, done.error) == (1, "", "There is no saga 99.\n")


def test_a_saga_that_has_ended_is_told_and_nothing_is_done(database: Stage) -> None:
    saga = database.saga()
    database.end(saga, SagaState.DONE)
    done = database.run("resolve", str(saga))
    told = f"saga {saga}, topup: done, 20,999 sat credited; it had ended before.\n"
    assert (done.status, done.output) == (0, told)


def test_a_lost_key_is_told_and_no_other_is_made(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.saga()
    monkeypatch.delenv("ROUTSTR_SECRET_KEY")
    done = database.run("resolve")
    assert (done.status, done.output) == (1, "")
    assert "routstr_secret.key is not there" in done.error
    assert not (database.folder / "routstr_secret.key").exists()


def test_another_key_is_refused(database: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    database.saga()
    monkeypatch.setenv("ROUTSTR_SECRET_KEY", KEY[::-1].hex())
    done = database.run("resolve")
    assert done.status == 1
    assert "does not belong to this database" in done.error


def test_a_living_instance_keeps_its_saga(database: Stage) -> None:
    owner = database.instance(NEXT_BOOT)
    database.saga(owner=owner)
    done = database.run("resolve")
    assert done.status == 1
    assert f"still open; instance {owner}, which was seen in the last 60 s" in done.output


@pytest.mark.parametrize(
    ("mint", "reason"),
    [
        ("https://10.0.0.7", "it must be a public address"),
        ("http://mint.example", "it must be https://"),
        ("http://127.0.0.1:9", "it must be a public address"),
    ],
)
def test_an_unlisted_mint_must_have_a_public_address(
    database: Stage, mint: str, reason: str
) -> None:
    database.saga(mint=mint, kind=SagaKind.SEND)
    done = database.run("resolve", "--json")
    assert done.status == 1
    outcome = json.loads(done.output)
    assert outcome["open"] == 1
    (saga,) = outcome["sagas"]
    assert (saga["id"], saga["state"], saga["mint"]) == (1, "open", mint)
    assert reason in saga["why"]


def test_one_that_fails_unexpectedly_stops_no_other(database: Stage) -> None:
    broken = database.saga()
    database.sql(f"UPDATE sagas SET plan = x'00' WHERE id = {broken}")
    other = database.saga(mint="http://10.0.0.7", kind=SagaKind.SEND)
    done = database.run("resolve")
    assert done.status == 1
    first, second = done.output.splitlines()
    assert first.startswith(f"saga {broken}, topup: still open; unexpected SealBroken")
    assert second.startswith(f"saga {other}, topup: still open; its mint's address is refused")
    logged = "".join(file.read_text() for file in Path("logs").glob("*"))
    assert "SealBroken" in logged
    assert SECRET not in logged


def test_the_command_is_an_instance_while_it_works_and_none_afterwards(database: Stage) -> None:
    database.saga(mint="http://10.0.0.7", kind=SagaKind.SEND)
    database.run("resolve")
    database.run("resolve")
    (saga,) = json.loads(database.run("sagas", "--json").output)["sagas"]
    assert (saga["owner"], saga["owner_alive"]) == (2, False)
