import tomllib
from pathlib import Path

from scripts.mutation.__main__ import mutated
from scripts.places import ROOT


def files_about(file: str) -> set[str]:
    module = Path(file).relative_to("routstr")
    found = (ROOT / "tests" / "unit" / module.parent).glob(f"test_{module.stem}*.py")
    return {str(path.relative_to(ROOT)) for path in found}


def test_mutants_meet_all_unit_files_about_their_modules() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = set(project["tool"]["mutmut"]["pytest_add_cli_args_test_selection"])

    assert all(files_about(file) for file in mutated())
    assert set.union(*map(files_about, mutated())) == asked
