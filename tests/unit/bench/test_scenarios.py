"""Which load there is, and in which order the targets take it."""

import json
import os

from bench.scenarios import ALL, BURST, CROWD, JSON, PACED, Rounds, quiet
from bench.targets import Target


def test_every_round_has_all_targets_and_begins_with_another() -> None:
    targets = [Target(name, 1, ()) for name in "abc"]

    orders = ["".join(one.name for one in order) for order in Rounds(4, 1).orders(targets)]

    assert orders == ["abc", "bca", "cab", "abc"]


def test_scenarios_have_names_of_their_own() -> None:
    assert len({one.name for one in ALL}) == len(ALL)


def test_all_connections_of_json_send_the_same() -> None:
    assert [one.connections for one in JSON] == [1, 16, 64]
    assert {one.call.body for one in JSON} == {JSON[0].call.body}


def test_streams_tell_the_provider_their_pace() -> None:
    paces = {one.name: json.loads(one.call.body)["seed"] for one in (PACED, BURST, CROWD)}

    assert paces == {"paced-100": 10_000, "burst-100": 0, "crowd-1000": 100_000}
    assert all('"stream":true' in one.call.body for one in (PACED, BURST, CROWD))


def test_processes_that_do_nothing_are_not_waited_for_long() -> None:
    before = os.times().elapsed

    quiet([2**22 + 1])

    assert os.times().elapsed - before < 2
