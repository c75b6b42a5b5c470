"""``python -m scripts.mutation``: mutants of the modules that ``[tool.mutmut]`` names.

They live in a copy of the project. Exit status 0 when at least 90 % of each file's mutants were
killed. Survivors are printed; docs/mutation.md says why each of them may live.
"""

import re
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from typing import Final

from scripts.mutation.report import NEEDED_PERCENT, Report, Survivor, explained
from scripts.places import PROJECT_ENVIRONMENT, ROOT
from scripts.processes import Child, Interrupted, last_lines
from scripts.workshop import Workshop, workshop

EXPLANATIONS: Final = ROOT / "docs" / "mutation.md"
_LIMIT_S: Final = 3_600.0
_SHORT_S: Final = 120.0
_HEARTBEAT_S: Final = 30.0
_DONE: Final = re.compile(r"\d+/\d+")
_PROFILE: Final = {"HYPOTHESIS_PROFILE": "mutants"}


class Broken(Exception):
    """Mutmut did not get as far as to judge the mutants."""


def main() -> int:
    """Exit status."""
    try:
        with workshop() as shop:
            return judge(shop)
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        return interrupted.exit_status


def judge(shop: Workshop) -> int:
    """Make the mutants, test them, tell what came of it; the exit status."""
    print("Mutants of", ", ".join(mutated()), flush=True)
    mutmut(shop, "run", limit_s=_LIMIT_S)
    report = Report.parse(mutmut(shop, "results", "--all", "true"))
    text = EXPLANATIONS.read_text(encoding="utf-8")
    for survivor in (Survivor(name, mutmut(shop, "show", name)) for name in report.survivors):
        known = "explained in docs/mutation.md" if explained(survivor, text) else "NOT EXPLAINED"
        print(f"\n{survivor.name}: {known}\n{survivor.change}", flush=True)
    print(f"\n{report.table()}")
    missing = set(mutated()) - report.files.keys()
    if missing:
        print(f"No mutants at all: {', '.join(sorted(missing))}")
    failed = missing or report.below(NEEDED_PERCENT)
    print(f"{'FAILED' if failed else 'ok'}: {NEEDED_PERCENT} % of each file's must be killed.")
    return 1 if failed else 0


def mutated() -> Sequence[str]:
    """The files whose mutants are made."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    files: list[str] = project["tool"]["mutmut"]["only_mutate"]
    return files


def mutmut(shop: Workshop, *arguments: str, limit_s: float = _SHORT_S) -> str:
    """What mutmut prints; raises Broken when it fails."""
    python = str(PROJECT_ENVIRONMENT / "bin" / "python")
    command = (python, "-m", "mutmut", *arguments)
    child = shop.run(command, limit_s=limit_s, more=_PROFILE, watch=_heartbeat())
    if child.status != 0:
        raise Broken(f"mutmut {' '.join(arguments)} failed:\n{last_lines(child.log, 40)}")
    return child.log.read_text(encoding="utf-8", errors="replace")


def _heartbeat() -> Callable[[Child], None]:
    """Tells now and then how many mutants are done."""
    told = time.monotonic()

    def watch(child: Child) -> None:
        nonlocal told
        if time.monotonic() - told > _HEARTBEAT_S:
            told = time.monotonic()
            done = _DONE.findall(child.new_output())
            print(f"  {done[-1] if done else 'preparing'} after {child.seconds:.0f} s", flush=True)

    return watch


if __name__ == "__main__":
    sys.exit(main())
