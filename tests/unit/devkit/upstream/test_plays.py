import re

from devkit.upstream import PLAYS


def test_names_can_stand_in_a_models_id() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in PLAYS)
