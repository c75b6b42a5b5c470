from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.core.onion import LOOK_SECONDS, OnionAddress, find_onion
from routstr.core.settings import Settings

NAME = f"{'b' * 55}a.onion"


def service(folder: Path, place: str, name: str = NAME) -> None:
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / place / "hostname").write_text(f"{name}\n")


@pytest.mark.parametrize(
    "place", ["hidden_service", "hs/router", "hs/ROUTER", "services/routstr", "."]
)
def test_the_address_is_where_tor_writes_it(tmp_path: Path, place: str) -> None:
    service(tmp_path, place)
    assert find_onion(tmp_path) == f"http://{NAME}"


def test_of_several_in_places_of_their_own_none_is_taken_unless_it_is_in_a_usual_one(
    tmp_path: Path,
) -> None:
    service(tmp_path, "a", f"{'c' * 56}.onion")
    service(tmp_path, "b", f"{'d' * 56}.onion")
    assert find_onion(tmp_path) == ""  # either may be another program's
    service(tmp_path, "hs/router")
    assert find_onion(tmp_path) == f"http://{NAME}"


@pytest.mark.parametrize("name", ["node.example", "", "short.onion", f"{NAME}\n{NAME}", "\xff"])
def test_other_files_of_that_name_are_passed_over(tmp_path: Path, name: str) -> None:
    service(tmp_path, "hidden_service", name)
    assert find_onion(tmp_path) == ""
    service(tmp_path, "other")
    assert find_onion(tmp_path) == f"http://{NAME}"


def test_what_cannot_be_read_and_what_leads_round_is_passed_over(tmp_path: Path) -> None:
    assert find_onion(tmp_path / "nowhere") == ""
    (tmp_path / "hidden_service" / "hostname").mkdir(parents=True)  # reading it is an error
    (tmp_path / "loop").symlink_to(tmp_path)
    service(tmp_path, "a/b/c/too/deep")
    assert find_onion(tmp_path) == ""


def test_the_operators_word_wins_and_files_are_looked_at_again_after_a_while(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    found = OnionAddress(Settings(), clock, tmp_path)
    assert found.url() == ""
    service(tmp_path, "hidden_service")
    assert found.url() == ""
    clock.advance(seconds=LOOK_SECONDS)
    assert found.url() == f"http://{NAME}"
    given = OnionAddress(Settings(onion_url="mine.onion"), clock, tmp_path)
    assert given.url() == "http://mine.onion"
