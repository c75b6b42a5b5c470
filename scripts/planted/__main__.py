"""``python -m scripts.planted [WORD ...]``: plant each fault in a copy; the tests must find it.

With words: only the faults whose names contain one of them. First the tests must pass as they are.
Exit status 0 only when every fault was found by a test that failed.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

from scripts.places import PROJECT_ENVIRONMENT
from scripts.planted.plants import PLANTS, Plant, Suite
from scripts.processes import Child, Interrupted, last_lines
from scripts.workshop import Workshop, workshop

_LIMIT_S: Final = 600.0
_PYTEST: Final = ("-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-rfE", "-p")
_FOUND: Final = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
_TESTS_FAILED: Final = 1  # pytest's status; others mean that it could not run them


class NotRun(Exception):
    """The tests do not pass without a fault, so they prove nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the tests said to one fault; no test: nobody noticed."""

    plant: Plant
    test: str | None
    seconds: float
    remark: str = ""

    def lines(self) -> str:
        """A row of the table."""
        plant = self.plant
        verdict = "found" if self.test else "NOT FOUND"
        return (
            f"  {verdict:10}{self.seconds:6.1f} s  {plant.bug}: {plant.what}\n"
            f"{'':21}in {plant.file}\n"
            f"{'':21}{self.test or self.remark or 'all tests passed'}"
        )


def main(words: Sequence[str]) -> int:
    """Exit status."""
    plants = [one for one in PLANTS if not words or any(word in one.bug for word in words)]
    if not plants:
        print(f"usage: {__doc__}", file=sys.stderr)
        return 2
    try:
        with workshop() as shop:
            return judge(shop, plants)
    except NotRun as error:
        print(error, file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        return interrupted.exit_status


def judge(shop: Workshop, plants: Sequence[Plant]) -> int:
    """Plant one after the other and tell; the exit status."""
    for suite in Suite:
        if any(plant.suite is suite for plant in plants):
            child = ask(shop, suite)
            if child.status != 0:
                raise NotRun(f"The tests fail as they are:\n{last_lines(child.log)}")
            print(f"  {'passed':10}{child.seconds:6.1f} s  {suite.name}, no fault", flush=True)
    findings = []
    for plant in plants:
        findings.append(find(shop, plant))
        print(findings[-1].lines(), flush=True)
    found = sum(one.test is not None for one in findings)
    print(f"\n{found} of {len(findings)} planted faults found")
    return 0 if found == len(findings) else 1


def find(shop: Workshop, plant: Plant) -> Finding:
    """Plant a fault, run the tests, take the fault out again."""
    with planted(plant, shop.tree):
        child = ask(shop, plant.suite)
    if child.status not in {0, _TESTS_FAILED}:
        return Finding(plant, None, child.seconds, f"pytest ended with {child.status}")
    failed = _FOUND.search(child.log.read_text(encoding="utf-8", errors="replace"))
    return Finding(plant, failed[1] if child.status and failed else None, child.seconds)


@contextmanager
def planted(plant: Plant, tree: Path) -> Iterator[None]:
    """A tree with the fault in it, inside the block."""
    file = tree / plant.file
    sound = file.read_text(encoding="utf-8")
    assert sound.count(plant.old) == 1, f"{plant.file} has changed: {plant.old!r}"
    _replace(file, sound.replace(plant.old, plant.new))
    try:
        yield
    finally:
        _replace(file, sound)


def _replace(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    # of the same second and size, so Python might take the old one for current
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def ask(shop: Workshop, suite: Suite) -> Child:
    """Run the tests of a suite up to the first that fails."""
    python = str(PROJECT_ENVIRONMENT / "bin" / "python")
    return shop.run((python, *_PYTEST, "no:cacheprovider", *suite.value), limit_s=_LIMIT_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
