import ast

import pytest

from scripts.places import ROOT
from scripts.planted.plants import PLANTS, Plant, Suite
from scripts.workshop import PARTS


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.bug}: {plant.what}")
def test_what_a_plant_replaces_stands_once_in_its_file(plant: Plant) -> None:
    text = (ROOT / plant.file).read_text(encoding="utf-8")

    assert text.count(plant.old) == 1
    ast.parse(text.replace(plant.old, plant.new))  # a fault of the mind, not of the keyboard


def test_each_of_the_five_faults_is_planted_at_two_places_or_more() -> None:
    places = {bug: {p.what for p in PLANTS if p.bug == bug} for bug in {p.bug for p in PLANTS}}

    assert len(places) == 5
    assert min(map(len, places.values())) >= 2


@pytest.mark.parametrize("suite", Suite)
def test_the_tests_that_are_asked_exist(suite: Suite) -> None:
    folders = [word for word in suite.value if "/" in word]

    assert folders
    assert all(any((ROOT / folder).glob("test_*.py")) for folder in folders)
    assert {folder.partition("/")[0] for folder in folders} <= set(PARTS)
