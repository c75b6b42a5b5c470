from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bootstrap import stamp
from scripts.bootstrap.environments import UV_REQUIREMENTS, Environment
from scripts.bootstrap.setup import caches, complete, missing
from scripts.bootstrap.stamp import Stamp
from scripts.places import CACHES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Looks like an environment whose Python answers."""
    place = tmp_path / "an environment"
    program = place / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "3.11 {place}"\n')
    program.chmod(0o755)
    return place


@pytest.fixture
def known(folder: Path) -> dict[str, Environment]:
    """Two sets that share the folder; the larger one contains the smaller."""
    dev = Environment("dev", folder, frozenset({"base"}))
    return {"base": Environment("base", folder), "dev": dev}


def fresh(one: Environment) -> Stamp:
    """The stamp that this environment has when it was made from today's requirements."""
    digest = stamp.digest([UV_REQUIREMENTS, one.requirements])
    return Stamp(one.name, digest, str(one.folder), "3.11", ())


def test_an_environment_is_complete_when_it_was_made_from_todays_requirements(
    known: dict[str, Environment],
) -> None:
    fresh(known["dev"]).write()

    assert complete(known["dev"], known=known)
    assert complete(known["base"], known=known)


def test_a_smaller_set_does_not_serve_a_larger_wish(known: dict[str, Environment]) -> None:
    fresh(known["base"]).write()

    assert not complete(known["dev"], known=known)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: replace(found, digest="of yesterday"),
        lambda found: replace(found, python="3.12"),
        lambda found: replace(found, packages=("lib/gone-1.dist-info",)),
        lambda found: replace(found, requirements="a set of long ago"),
    ],
)
def test_whatever_has_changed_makes_it_incomplete(
    known: dict[str, Environment], change: Callable[[Stamp], Stamp]
) -> None:
    change(fresh(known["dev"])).write()

    assert not complete(known["dev"], known=known)


@pytest.mark.parametrize(("asked", "answer"), [(None, True), ("3.11", True), ("3.12", False)])
def test_the_version_of_python_counts_only_when_it_is_asked_for(
    known: dict[str, Environment], asked: str | None, *, answer: bool
) -> None:
    fresh(known["dev"]).write()

    assert complete(known["dev"], asked, known) is answer


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    one = Environment("mint-0.21", tmp_path / "nothing")

    assert missing([one]) == [one]


def test_downloads_are_kept_in_the_persons_cache(tmp_path: Path) -> None:
    assert caches({"HOME": str(tmp_path)}) == {"HOME": str(tmp_path)}


@pytest.mark.parametrize("surroundings", [{}, {"HOME": "/home/of/nobody"}, {"XDG_CACHE_HOME": "/"}])
def test_without_a_home_to_write_into_they_are_kept_in_ours(surroundings: dict[str, str]) -> None:
    found = caches(surroundings, writable=lambda _: False)

    assert found["UV_CACHE_DIR"] == str(CACHES / "uv")
    assert found["PIP_CACHE_DIR"] == str(CACHES / "pip")


def test_a_cache_that_the_person_has_named_stays() -> None:
    found = caches({"UV_CACHE_DIR": "/big/disk"}, writable=lambda _: False)

    assert found["UV_CACHE_DIR"] == "/big/disk"
