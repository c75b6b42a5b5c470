"""What is installed is what ``pyproject.toml`` asks for, exactly, with hashes, from any index."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
LOCKED: Final = sorted((ROOT / "requirements").glob("*.txt"))
PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, set[str]]:
    """The locked versions of each package; several where they differ by platform."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    for package, version in PINNED.findall(text):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(group: str) -> list[Requirement]:
    """The requirements of a dependency group with those that it includes, or of the package."""
    if group == "base":
        return [Requirement(line) for line in project()["project"]["dependencies"]]
    result = wanted("base")
    for entry in project()["dependency-groups"][group]:
        included = isinstance(entry, dict)
        result += wanted(entry["include-group"]) if included else [Requirement(entry)]
    return result


def test_there_is_something_to_look_at() -> None:
    names = {path.stem for path in LOCKED}

    assert names == {"base", "demo", "dev", "bootstrap", "mint-0.19", "mint-0.21"}


@pytest.mark.parametrize("group", ["base", "demo", "dev"])
def test_every_requirement_is_locked_to_a_version_that_it_allows(group: str) -> None:
    locked = pins(group)

    for requirement in wanted(group):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not locked: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions)


@pytest.mark.parametrize(("smaller", "larger"), [("base", "demo"), ("demo", "dev")])
def test_a_larger_set_has_all_of_the_smaller_one_in_the_same_versions(
    smaller: str, larger: str
) -> None:
    assert pins(smaller).items() <= pins(larger).items()


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_package_is_pinned_with_its_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

    assert entries
    for entry in entries:
        assert PINNED.match(entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_no_index_and_no_place_of_one_machine_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert "file:" not in text


def test_the_mints_are_the_two_versions_that_differ_in_their_keyset_ids() -> None:
    assert pins("mint-0.21")["cashu"] == {"0.21.0"}
    assert pins("mint-0.19")["cashu"] == {"0.19.2"}
