"""What mutmut says about its mutants, read and added up."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

NEEDED_PERCENT: Final = 90
_LINE: Final = re.compile(r"^ *(\S+)\.(\S+__mutmut_\d+): (.+)$", re.MULTILINE)
_KILLED: Final = "killed"
_ENDLESS: Final = "timeout"  # noticed as well: its test never ended


@dataclass(frozen=True, slots=True)
class Report:
    """Mutants by file and by what became of them, and the names of those that nobody noticed."""

    files: Mapping[str, Counter[str]]
    survivors: tuple[str, ...]

    @classmethod
    def parse(cls, results: str) -> Self:
        """Read what ``mutmut results --all true`` prints."""
        files: dict[str, Counter[str]] = {}
        survivors = []
        for module, mutant, status in _LINE.findall(results):
            files.setdefault(module.replace(".", "/") + ".py", Counter())[status] += 1
            if status not in {_KILLED, _ENDLESS}:
                survivors.append(f"{module}.{mutant}")
        return cls(files, tuple(survivors))

    def below(self, percent: int) -> list[str]:
        """Files of whose mutants less than this were noticed."""
        return [file for file, found in self.files.items() if _percent(found) < percent]

    def table(self) -> str:
        """A line for each file, and one for all."""
        together = sum(self.files.values(), Counter())
        rows = [*sorted(self.files.items()), ("all", together)]
        head = f"{'':30}{'mutants':>9}{'killed':>9}{'endless':>9}{'survived':>10}{'':4}"
        return "\n".join([head.rstrip(), *(_row(name, found) for name, found in rows)])


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no test notices; ``shown`` is its difference as mutmut prints it."""

    name: str
    shown: str

    @property
    def change(self) -> str:
        """The lines that differ."""
        lines = self.shown.splitlines()
        return "\n".join(line for line in lines if re.match(r"[-+](?![-+])", line))


def explained(survivor: Survivor, text: str) -> bool:
    """Whether the explanations show this very change."""
    squeezed = "\n".join(line.strip() for line in text.splitlines())
    changed = "\n".join(line.rstrip() for line in survivor.change.splitlines())
    return bool(changed) and changed in squeezed


def _percent(found: Counter[str]) -> float:
    return 100 * (found[_KILLED] + found[_ENDLESS]) / (found.total() or 1)


def _row(name: str, found: Counter[str]) -> str:
    killed, endless = found[_KILLED], found[_ENDLESS]
    survived = found.total() - killed - endless
    counts = f"{found.total():9}{killed:9}{endless:9}{survived:10}"
    return f"{name:30}{counts}{_percent(found):8.1f} %"
