"""What is asked of the targets, and how often: all of them in turn, round by round.

In each round every target is measured once, and the next round begins with another one, so that
whatever else happens on the machine falls on all of them alike.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench import load
from bench.figures import Results
from bench.load import Call, LoadFailed
from bench.targets import LITELLM, MODEL, NGINX, NODE, NODE_POSTGRES, NODES, PORTKEY, RELAY, Target
from bench.tooling import Tools
from bench.usage import cpu_seconds

WARM_S: Final = 2.0
_QUIET_S: Final = 0.2
_QUIET_SHARE: Final = 0.15
_QUIET_LIMIT_S: Final = 10.0
_MESSAGES: Final = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Tell me a short story about a fox and a lazy dog."},
]
_EVERYONE: Final = (RELAY, NODE, NODE_POSTGRES, NGINX, PORTKEY, LITELLM)


def _body(**more: object) -> str:
    wanted = {"model": MODEL, "max_tokens": 100, "messages": _MESSAGES, **more}
    return json.dumps(wanted, separators=(",", ":"))


def _stream(events: int, interval_us: int) -> Call:
    """The provider takes the pace from the seed, which every gateway passes on."""
    options = {"include_usage": True}
    body = _body(stream=True, stream_options=options, seed=interval_us, max_tokens=events)
    return Call(body, headers={"Accept": "text/event-stream"})


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load. A client pays with a key only where ``paid``."""

    name: str
    title: str
    call: Call
    connections: int
    targets: Sequence[str] = _EVERYONE
    streamed: bool = False
    paid: bool = True
    seconds_min: float = 0
    """A round is not shorter: for many streams, which have to begin first."""


JSON: Final = tuple(
    Scenario(f"json-{count}", f"JSON answers, {count} connection{'s'[: count > 1]}",
             Call(_body()), count)
    for count in (1, 16, 64)
)  # fmt: skip
PACED: Final = Scenario(
    "paced-100", "100 streams, each an event every 10 ms", _stream(200, 10_000), 100,
    streamed=True, seconds_min=3,
)  # fmt: skip
BURST: Final = Scenario(
    "burst-100", "100 streams, events as fast as they go", _stream(200, 0), 100,
    streamed=True, seconds_min=3,
)  # fmt: skip
CROWD: Final = Scenario(
    "crowd-1000", "1,000 streams, each an event every 100 ms", _stream(50, 100_000), 1_000,
    targets=(RELAY, *NODES), streamed=True, seconds_min=8,
)  # fmt: skip
UNPAID: Final = Scenario(
    "unpaid-16", "402 to a request without payment, 16 connections",
    Call(_body(), status=402), 16, targets=NODES, paid=False,
)  # fmt: skip
LISTING: Final = Scenario(
    "models-16", "`GET /v1/models`, 300 models, 16 connections",
    Call(method="GET", path="/v1/models"), 16, targets=NODES, paid=False,
)  # fmt: skip
OTHERS: Final = (PACED, BURST, CROWD, UNPAID, LISTING)
ALL: Final = (*JSON, *OTHERS)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often, and for how long."""

    count: int
    seconds: float

    def orders(self, targets: Sequence[Target]) -> Iterator[Sequence[Target]]:
        """The targets in each round's order."""
        for number in range(self.count):
            first = number % max(len(targets), 1)
            yield [*targets[first:], *targets[:first]]


def quiet(pids: Sequence[int]) -> None:
    """Wait until these processes have hardly anything to do: streams that were cut are settled."""
    limit = time.monotonic() + _QUIET_LIMIT_S
    used = cpu_seconds(pids)
    while time.monotonic() < limit:
        time.sleep(_QUIET_S)
        before, used = used, cpu_seconds(pids)
        if used - before <= _QUIET_S * _QUIET_SHARE:
            return


class Loader:
    """Runs scenarios. ``keys`` pay at the nodes, ``cut`` for streams that may be cut.

    ``charged`` is told what all answers that ``keys`` paid for say they cost, msat. ``troubles``
    are the rounds that failed: they have no figures.
    """

    def __init__(
        self,
        tools: Tools,
        rounds: Rounds,
        keys: Mapping[str, str],
        cut: Mapping[str, str],
        charged: Callable[[str, int], None],
    ) -> None:
        self._tools = tools
        self._rounds = rounds
        self._keys, self._cut = keys, cut
        self._charged = charged
        self.troubles: list[str] = []

    def measure(self, scenario: Scenario, running: Mapping[str, Target], results: Results) -> None:
        """All rounds of a scenario. Who fails the warming up is left out."""
        able = [self._paying(scenario, running[n]) for n in scenario.targets if n in running]
        targets = [one for one in able if self._tried(scenario, one, WARM_S) is not None]
        pids = [pid for target in able for pid in target.pids]
        seconds = max(self._rounds.seconds, scenario.seconds_min)
        for order in self._rounds.orders(targets):
            for target in order:
                quiet(pids)
                figures = self._tried(scenario, target, seconds)
                if figures is not None:
                    results.add(scenario.name, target.name, figures)

    def pay(self, target: Target, call: Call, seconds: float) -> int:
        """Load a node, for something else to be seen; returns how many requests were paid.

        Raises LoadFailed.
        """
        paying = target.paying(self._keys[target.name])
        done = load.http(self._tools.http, paying, call, 16, seconds)
        self._charged(target.name, done.summed)
        return done.all

    def _paying(self, scenario: Scenario, target: Target) -> Target:
        key = (self._cut if scenario.streamed else self._keys).get(target.name)
        return target.paying(key) if key and scenario.paid else target

    def _tried(
        self, scenario: Scenario, target: Target, seconds: float
    ) -> Mapping[str, float] | None:
        try:
            return self._once(scenario, target, seconds)
        except LoadFailed as failure:
            self._charged(target.name, failure.summed)
            self.troubles.append(f"{scenario.name}: {failure}")
            print(f"  {self.troubles[-1]}", flush=True)
            return None

    def _once(self, scenario: Scenario, target: Target, seconds: float) -> Mapping[str, float]:
        call, count = scenario.call, scenario.connections
        if scenario.streamed:
            return load.streams(self._tools.sse, target, call, count, seconds)
        done = load.http(self._tools.http, target, call, count, seconds)
        self._charged(target.name, done.summed)
        return done.figures
