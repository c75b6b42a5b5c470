"""The words are shown once, on a terminal."""

from pathlib import Path

from routstr.assembly.storage import open_database
from routstr.core.node_key import NodeKey
from routstr.wallet.seed import load_seed
from tests.unit.cli.stage import KEY, Stage, run


def with_seed(database: Stage) -> None:
    async def make() -> None:
        key = NodeKey(KEY)
        async with open_database(database.settings, key) as db:
            await load_seed(db, key)

    run(make())


def test_they_are_shown_once_and_again_only_by_force(database: Stage) -> None:
    with_seed(database)
    shown = database.run("seed", "--yes")
    assert (shown.status, len(shown.output.split())) == (0, 12)
    assert "whoever has them can take" in shown.error
    again = database.run("seed", "--yes")
    assert (again.status, again.output) == (1, "")
    assert "--force shows them again" in again.error
    assert database.run("seed", "--yes", "--force").output == shown.output


def test_without_a_terminal_nothing_is_shown_unless_told(database: Stage) -> None:
    with_seed(database)
    done = database.run("seed")
    assert (done.status, done.output) == (2, "")
    assert "--yes" in done.error
    assert database.run("seed", "--yes").status == 0, "not showing them is not showing them"


def test_they_do_not_stand_in_the_log(database: Stage) -> None:
    with_seed(database)
    words = database.run("seed", "--yes").output.strip()
    logged = "".join(file.read_text() for file in Path("logs").glob("*"))
    assert words not in logged


def test_before_the_first_start_there_are_none(database: Stage) -> None:
    done = database.run("seed", "--yes")
    assert (done.status, done.output) == (1, "")
    assert "There is no wallet yet" in done.error


def test_no_database_is_made(stage: Stage) -> None:
    done = stage.run("seed", "--yes")
    assert done.status == 1
    assert "there is no database" in done.error
    assert not (stage.folder / "node.db").exists()
