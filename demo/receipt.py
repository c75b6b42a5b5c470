"""What an answer cost: as it says itself, and as the published prices make it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Self

from openai.types import CompletionUsage

from demo.failure import ShowFailed


@dataclass(frozen=True, slots=True)
class Receipt:
    """Tokens and cost of one answer. ``cost`` is ``usage.cost.total_msats``."""

    prompt: int
    cached: int
    completion: int
    cost: int

    @classmethod
    def of(cls, usage: CompletionUsage | None) -> Self:
        """Read a completion's usage, with the cost that the node adds. Raises ShowFailed."""
        if usage is None:
            raise ShowFailed("the answer tells no usage")
        cost = (usage.model_extra or {}).get("cost")
        if not isinstance(cost, dict):
            raise ShowFailed("the answer tells no cost")
        details = usage.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or 0
        total = int(cost["total_msats"])
        return cls(usage.prompt_tokens, cached, usage.completion_tokens, total)

    def expected(self, prices: Mapping[str, Decimal]) -> int:
        """The cost in msat that the published prices (msat per unit) come to, rounded up once."""
        exact = (
            prices["request"]
            + (self.prompt - self.cached) * prices["prompt"]
            + self.cached * prices["input_cache_read"]
            + self.completion * prices["completion"]
        )
        return int(exact.to_integral_value(ROUND_CEILING))
