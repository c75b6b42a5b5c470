"""A provider at work: its keys, how it fares, and what has been learnt of its models.

A key that was told to wait, or refused, rests: alone, or for one model. As long as another of the
provider's keys does not rest, the provider serves.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from routstr.core.logging import get_logger
from routstr.core.secret import Secret
from routstr.errors import UpstreamError
from routstr.upstream.blame import Blame, blame, wait_s
from routstr.upstream.breaker import Breaker, BreakerPolicy
from routstr.upstream.client import UpstreamClient
from routstr.upstream.correction import Corrections
from routstr.upstream.endpoint import Endpoint
from routstr.upstream.pace import Pace
from routstr.upstream.passage import Passage
from routstr.upstream.provider import Profile, Provider

BUSY_SECONDS: Final = 10
"""How long a key rests that was told to wait and not how long."""
BUSY_SECONDS_MAX: Final = 3_600
REFUSED_SECONDS: Final = 900
"""How long a key rests that was refused."""

_EVERY_MODEL: Final = ""
_NO_ENDPOINT: Final = frozenset({404, 405})
_KEYLESS: Final = (Secret(),)
_NO_RESTS: Final[Mapping[str, float]] = MappingProxyType({})
_log: Final = get_logger(__name__)

Alarm = Callable[..., None]
"""Tells the operator what cannot wait: a stable name and facts."""
Failures = Callable[[str, str], None]
"""Counts attempts that failed and were not the client's own fault: the provider, the error's code.
"""


def uncounted(_provider: str, _code: str) -> None:
    """Count nothing."""


class Line:
    """One key of a provider, and the endpoints that were asked with it."""

    __slots__ = ("_endpoints", "_make", "number", "provider", "refused", "rests")

    def __init__(self, number: int, provider: Provider, make: Callable[..., Endpoint]) -> None:
        self.number: Final = number
        """Which key it is, from 1: what may be logged of it."""
        self.provider: Final = provider
        self._make: Final = make
        self._endpoints: dict[str, Endpoint] = {}
        self.rests: Mapping[str, float] = _NO_RESTS
        """Until when it rests, by the model's name at the provider; empty: for every model."""
        self.refused = False

    def endpoint(self, path: str, model: str) -> Endpoint:
        """The endpoint at a path; ``model`` is its name at the provider."""
        by_model = self.provider.adapter.by_model
        place = f"{path} {model}" if by_model else path
        found = self._endpoints.get(place)
        if found is None:
            found = self._make(self.provider, path, model=model if by_model else "")
            self._endpoints[place] = found
        return found

    def awake(self, now: float, model: str) -> bool:
        """Whether the key may be used for a model."""
        rests = self.rests
        if not rests:
            return True
        return now >= max(rests.get(_EVERY_MODEL, 0.0), rests.get(model, 0.0))

    def rest(self, model: str, until: float, now: float) -> None:
        """Leave the key alone; what is over is forgotten."""
        left = {name: end for name, end in self.rests.items() if end > now}
        self.rests = {**left, model: max(until, left.get(model, 0.0))}


@dataclass(frozen=True, slots=True)
class CarrierParts:
    """What all carriers of a node share."""

    client: Callable[[Profile], UpstreamClient]
    forward_headers: tuple[str, ...]
    alarm: Alarm
    breaker: BreakerPolicy
    failures: Failures = uncounted


class Carrier:
    """One provider of the node while it runs."""

    __slots__ = (
        "_alarm",
        "_always",
        "_client",
        "_failures",
        "_forward",
        "_lacking",
        "_learnt",
        "_turn",
        "adapter",
        "breaker",
        "client",
        "last_problem",
        "lines",
        "name",
        "pace",
        "profile",
    )

    def __init__(self, profile: Profile, parts: CarrierParts) -> None:
        client = parts.client(profile)

        def make(provider: Provider, path: str, *, model: str) -> Endpoint:
            forward = parts.forward_headers
            return Endpoint(client, provider, path, profile.limits, forward, model=model)

        adapter = profile.adapter
        self.profile: Final = profile
        self.name: Final = profile.name
        self.adapter: Final = adapter
        self.lines: Final = tuple(
            Line(
                number,
                Provider.create(self.name, profile.base_url, key, adapter, profile.options),
                make,
            )
            for number, key in enumerate(profile.keys or _KEYLESS, 1)
        )
        self.client: Final = client
        self.breaker = Breaker(parts.breaker)
        self.last_problem: str | None = None
        """The code of the newest failure."""
        self.pace = Pace()
        self._alarm: Final = parts.alarm
        self._failures: Final = parts.failures
        self._always: Final = dict.fromkeys(sorted(adapter.refuses))
        self._learnt: dict[str, dict[str, str | None]] = {}
        self._lacking: set[str] = set()
        self._turn = 0
        self._client: Final = client
        self._forward: Final = parts.forward_headers

    def passage(self, line: Line) -> Passage:
        """The way to the provider, by one of its keys, for what is no plain JSON POST."""
        return Passage(self._client, line.provider, self.profile.limits, self._forward)

    def inherit(self, earlier: "Carrier") -> None:
        """Know what an earlier carrier of this provider knew, as far as it is still true."""
        if earlier.profile.base_url != self.profile.base_url:
            return
        self.breaker, self.last_problem = earlier.breaker, earlier.last_problem
        self.pace = earlier.pace
        if earlier.adapter is self.adapter:
            self._learnt = earlier._learnt  # noqa: SLF001 - of its own kind
            self._lacking = earlier._lacking  # noqa: SLF001
        known = {line.provider.api_key: line for line in earlier.lines}
        for line in self.lines:
            if (before := known.get(line.provider.api_key)) is not None:
                line.rests, line.refused = before.rests, before.refused

    def speaks(self, endpoint: str) -> bool:
        """Whether the node's endpoint is one of its own, as far as is known."""
        return endpoint not in self._lacking and self.adapter.speaks(endpoint)

    def may_lack(self, error: UpstreamError) -> bool:
        """Whether a refusal may mean that it does not have the endpoint: nobody knows its type."""
        return self.adapter.native is None and error.upstream_status in _NO_ENDPOINT

    def lacks(self, endpoint: str) -> None:
        """Do not ask it there again."""
        self._lacking.add(endpoint)
        _log.info("endpoint_lacking", provider=self.name, endpoint=endpoint)

    def available(self, now: float, model: str) -> bool:
        """Whether it would be asked for a model, by its name there."""
        lines = self.lines
        if len(lines) == 1:
            return self.breaker.ready(now) and lines[0].awake(now, model)
        return self.breaker.ready(now) and any(line.awake(now, model) for line in lines)

    def line(
        self, now: float, model: str, tried: Container[Line] = (), *, resting: bool = False
    ) -> Line | None:
        """The key whose turn it is, of those not yet tried; None when none is left.

        ``resting``: a key that rests will do if no other is there.
        """
        lines = self.lines
        if len(lines) == 1:
            (line,) = lines
            return line if line not in tried and (resting or line.awake(now, model)) else None
        self._turn += 1
        order = [lines[(self._turn + step) % len(lines)] for step in range(len(lines))]
        left = [line for line in order if line not in tried]
        awake = next((line for line in left if line.awake(now, model)), None)
        return awake or (left[0] if left and resting else None)

    def reset(self) -> None:
        """Ask it again at once, with every key."""
        self.breaker.worked()
        for line in self.lines:
            line.rests, line.refused = _NO_RESTS, False
        _log.info("provider_reset", provider=self.name)

    def corrections(self, model: str) -> Corrections | None:
        """What is changed in requests to a model; None: nothing."""
        return self._learnt.get(model) or self._always or None

    def learn(self, model: str, parameter: str, instead: str | None) -> None:
        """Change a parameter in every request to a model from now on."""
        known = self._learnt.setdefault(model, dict(self._always))
        known[parameter] = instead
        _log.info("parameter_refused", provider=self.name, model=model, parameter=parameter)

    def worked(self, line: Line) -> None:
        """The provider answered, with a key that it accepts."""
        self.breaker.worked()
        if line.refused:
            line.refused, line.rests = False, _NO_RESTS
            _log.warning("provider_key_accepted", provider=self.name, key=line.number)

    def failed(
        self, line: Line, error: UpstreamError, permit: int, *, model: str, now: float
    ) -> Blame:
        """Take note of a failed attempt and tell whose fault it was."""
        fault = blame(error, self.adapter)
        if fault is not Blame.CLIENT:
            self._failures(self.name, error.code)
        if fault is Blame.PROVIDER:
            self._count(error, permit, now)
            return fault
        self.breaker.worked()  # whatever it said, it is there
        if fault is Blame.BUSY:
            wait = wait_s(error)
            rest = BUSY_SECONDS if wait is None else min(wait, BUSY_SECONDS_MAX)
            line.rest(_EVERY_MODEL, now + rest, now)
        elif fault in {Blame.KEY, Blame.MODEL}:
            self._refuse(line, error, model if fault is Blame.MODEL else _EVERY_MODEL, now)
        return fault

    def broke_off(self, error: UpstreamError, now: float) -> None:
        """The provider failed after it had begun to answer."""
        self._failures(self.name, error.code)
        self._count(error, 0, now)

    def _count(self, error: UpstreamError, permit: int, now: float) -> None:
        self.last_problem = error.code
        self.pace.broke(now)
        pause_s = self.breaker.pause_s
        if self.breaker.failed(permit, now):
            _log.warning(
                "provider_left_alone", provider=self.name, seconds=pause_s, reason=error.code
            )

    def _refuse(self, line: Line, error: UpstreamError, model: str, now: float) -> None:
        self.last_problem = error.code
        self.pace.broke(now)
        line.rest(model, now + REFUSED_SECONDS, now)
        line.refused = True
        self._alarm(
            "provider_key_refused",
            provider=self.name,
            key=line.number,
            status=error.upstream_status,
            model=model or None,
        )


def rest_of(carrier: Carrier, now: float) -> float:
    """How long nobody asks it, in seconds: for the order in which what rests is asked at last."""
    keys = [line.rests.get(_EVERY_MODEL, 0.0) - now for line in carrier.lines]
    return max(carrier.breaker.rest_s(now), min(keys), 0.0)
