from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.planted.__main__ import NotRun, find, judge, planted
from scripts.planted.plants import Plant
from scripts.processes import Child, Interrupts
from scripts.workshop import Workshop

PLANT = Plant("a fault", "two is three", "module.py", "= 2", "= 3")


@dataclass(slots=True)
class Played(Workshop):
    """Its tests are shell scripts: one for the sound tree, one for the tree with the fault."""

    sound: str = "exit 0"
    ill: str = "exit 0"

    def run(
        self,
        command: Sequence[str],
        *,
        limit_s: float,
        more: Mapping[str, str] | None = None,
        watch: Callable[[Child], None] = lambda _: None,
    ) -> Child:
        has_fault = "= 3" in (self.tree / PLANT.file).read_text()
        log = self.folder / f"{has_fault}.log"
        script = ["/bin/sh", "-c", self.ill if has_fault else self.sound]
        child = Child(script, log, {"PATH": "/usr/bin:/bin"}, limit_s=10, cwd=self.tree)
        while child.poll() is None:
            pass
        return child


@pytest.fixture
def shop(tmp_path: Path) -> Played:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / PLANT.file).write_text("TWO = 2\n")
    return Played(tmp_path, Interrupts(), {})


def test_a_fault_is_in_the_tree_only_while_it_is_tested(shop: Played) -> None:
    file = shop.tree / PLANT.file

    with planted(PLANT, shop.tree):
        assert file.read_text() == "TWO = 3\n"

    assert file.read_text() == "TWO = 2\n"


def test_a_plant_that_fits_nowhere_is_told(shop: Played) -> None:
    (shop.tree / PLANT.file).write_text("TWO = 1 + 1\n")

    with pytest.raises(AssertionError, match=r"module\.py has changed"):
        find(shop, PLANT)


def test_the_test_that_failed_is_named(shop: Played) -> None:
    shop.ill = "echo 'FAILED tests/test_a.py::test_two[1] - AssertionError: no'; exit 1"

    assert find(shop, PLANT).test == "tests/test_a.py::test_two[1]"
    assert judge(shop, [PLANT]) == 0


@pytest.mark.parametrize(
    "script",
    [
        "exit 0",
        "echo 'ERROR tests/test_a.py'; exit 2",  # could not be collected
        "exit 1",  # failed without naming a test
    ],
)
def test_nothing_else_is_taken_for_a_finding(shop: Played, script: str) -> None:
    shop.ill = script

    finding = find(shop, PLANT)

    assert finding.test is None
    assert "NOT FOUND" in finding.lines()
    assert judge(shop, [PLANT]) == 1


def test_tests_that_fail_anyway_prove_nothing(shop: Played) -> None:
    shop.sound = "echo broken; exit 1"

    with pytest.raises(NotRun, match="broken"):
        judge(shop, [PLANT])
