"""Which load there is, and in which order the targets take it."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from bench.figures import Results
from bench.load import Call, Load, LoadFailed
from bench.scenarios import ALL, BURST, CROWD, JSON, PACED, WARM_S, Loader, Rounds, quiet
from bench.targets import Target
from bench.tooling import Tools


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


def test_processes_that_do_nothing_are_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.scenarios._QUIET_S", 0.02)
    before = os.times().elapsed

    quiet([2**22 + 1])

    assert os.times().elapsed - before < 2


class Played:
    """In place of the load tools: fails for a target, or counts rounds."""

    def __init__(self, fails: str) -> None:
        self.fails = fails
        self.asked = list[tuple[str, float, dict[str, str]]]()

    def http(self, _tool: Path, target: Target, _call: Call, _count: int, seconds: float) -> Load:
        self.asked.append((target.name, seconds, dict(target.headers)))
        if target.name == self.fails:
            raise LoadFailed(f"{target.name}: 502", summed=7)
        return Load({"rate": 100.0}, all=5, summed=110)


def test_who_fails_is_left_out_and_named_and_what_it_charged_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played, charged = Played(fails="Portkey"), Counter[str]()
    monkeypatch.setattr("bench.load.http", played.http)
    monkeypatch.setattr("bench.scenarios.quiet", lambda _: None)
    nowhere = Tools(Path(), Path(), Path())
    loader = Loader(nowhere, Rounds(1, 1), {"node": "sk-1"}, {"node": "sk-2"},
                    lambda name, msat: charged.update({name: msat}))  # fmt: skip
    results = Results()

    running = {name: Target(name, 1, ()) for name in ("node", "Portkey")}
    loader.measure(JSON[1], running, results)

    assert loader.troubles == ["json-16: Portkey: 502"]
    assert results.rounds("json-16", "node", "rate") == [100]
    assert results.targets("json-16") == ["node"]
    assert charged == {"node": 220, "Portkey": 7}
    assert played.asked[0] == ("node", WARM_S, {"Authorization": "Bearer sk-1"})
