"""Moving ecash between mints, as far as that needs no mint."""

import json

import pytest

from routstr.cli import wallet_swap
from routstr.money import Msat
from routstr.wallet.mint_swaps import MintSwap, Stage
from tests.unit.cli.stage import LISTED
from tests.unit.cli.stage import Stage as Database

OTHER = "https://other.example"


def move(stage: Stage, cost: int | None = None) -> MintSwap:
    return MintSwap(
        id=3,
        source=OTHER,
        target=LISTED,
        amount=Msat(200_000),
        cost=None if cost is None else Msat(cost),
        quote=5,
        melt=7,
        stage=stage,
        created_at=1,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--from", OTHER),
        ("--from", OTHER, "--amount", "0"),
        ("--from", OTHER, "--amount", "5", "--unit", "usd"),
        ("--from", "no URL", "--amount", "5"),
    ],
)
def test_wrong_usage(database: Database, arguments: tuple[str, ...]) -> None:
    assert database.run("swap", *arguments).status == 2


def test_only_listed_mints_are_spoken_to(database: Database) -> None:
    said = database.run("swap", "--from", OTHER, "--amount", "5")
    assert said.status == 1
    assert said.error.startswith("Nothing was moved: This node does not accept tokens of this mint")


def test_a_swap_needs_two_mints(database: Database) -> None:
    said = database.run("swap", "--from", LISTED, "--amount", "5")
    assert (said.status, said.error) == (1, "Nothing was moved: A swap needs two mints.\n")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (move(Stage.DONE, 1_000), f"Moved 200,000 msat from {OTHER} to {LISTED}, fees 1,000 msat."),
        (move(Stage.BETWEEN, 1_000), f"200,000 msat left {OTHER} and did not arrive at {LISTED}"),
        (move(Stage.LEAVING), f"Nobody knows yet whether 200,000 msat left {OTHER}: saga 7"),
    ],
)
def test_what_became_of_it_is_told(one: MintSwap, words: str) -> None:
    assert wallet_swap._words(one).startswith(words)


def test_machines_are_told_the_same() -> None:
    told = wallet_swap._plain(move(Stage.DONE, 1_000))
    assert json.loads(json.dumps(told)) == {
        "id": 3,
        "stage": "done",
        "source": OTHER,
        "target": LISTED,
        "amount_msat": 200_000,
        "fee_msat": 1_000,
        "saga": 7,
    }
