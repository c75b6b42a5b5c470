"""How a mint has served this process, in memory: for whoever looks after the node."""

from dataclasses import dataclass, replace
from typing import Final

_WEIGHT: Final = 8
"""The newest call counts one eighth in the usual time of a call."""


@dataclass(frozen=True, slots=True)
class MintHealth:
    """What this process saw of a mint. Times are ms since 1970; None: it has not happened yet.

    ``problem`` says what was last wrong, in the node's own words; ``failures`` counts calls in a
    row that had no proper answer. ``latency_ms`` is how long a call that is answered usually takes.
    """

    answered_at: int | None = None
    failed_at: int | None = None
    problem: str = ""
    failures: int = 0
    latency_ms: int | None = None
    rest_s: int = 0

    @property
    def state(self) -> str:
        """One word: ``ok``, ``resting`` (left alone for a while), ``failing`` or ``unknown``."""
        if self.rest_s:
            return "resting"
        if self.failures:
            return "failing"
        return "unknown" if self.answered_at is None else "ok"

    def answered(self, now_ms: int, took_ms: int) -> "MintHealth":
        """Note an answer that shows the mint at work."""
        usual = took_ms
        if self.latency_ms is not None:
            usual = self.latency_ms + (took_ms - self.latency_ms) // _WEIGHT
        return replace(self, answered_at=now_ms, failures=0, latency_ms=usual)

    def failed(self, now_ms: int, problem: str) -> "MintHealth":
        """Note a call without a proper answer."""
        return replace(self, failed_at=now_ms, problem=problem, failures=self.failures + 1)
