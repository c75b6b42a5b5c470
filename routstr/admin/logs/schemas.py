"""What the admin API tells of the log. Amounts are msat, times Unix seconds."""

from typing import Any

from pydantic import BaseModel

from routstr.admin.books.schemas import TransferInfo
from routstr.admin.keys.schemas import TokenInfo
from routstr.ledger.requests import Held

_MS = 1_000


class LogPage(BaseModel):
    """Lines of the log, newest first, and what was asked for.

    ``next_before`` says where the search goes on, if not all was searched: no call reads more than
    some MB, so a page may be short or empty before the end.
    """

    logs: list[dict[str, Any]]
    total: int
    date: str | None
    level: str
    request_id: str
    search: str
    limit: int
    next_before: str | None


class LogDates(BaseModel):
    """Days of which there are lines, newest first."""

    dates: list[str]


class HoldInfo(BaseModel):
    """What was set aside for a request, and what became of it. ``key`` is a public id, if any.

    ``rates`` is the price list's line as it was stored with the hold, ``own_cost`` what the
    provider takes by its own prices.
    """

    id: int
    key: str | None
    state: str
    amount: int
    charged: int
    uncollected: int
    model: str
    endpoint: str
    rates: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    provider: str
    own_cost: int
    created_at: int
    ended_at: int | None

    @classmethod
    def of(cls, held: Held, key: str | None) -> "HoldInfo":
        """Tell a hold."""
        return cls(
            id=held.id,
            key=key,
            state=held.state.name.lower(),
            amount=held.amount,
            charged=held.charged,
            uncollected=held.uncollected,
            model=held.model,
            endpoint=held.endpoint,
            rates=held.rates,
            prompt_tokens=held.prompt_tokens,
            completion_tokens=held.completion_tokens,
            estimated=held.estimated,
            provider=held.provider,
            own_cost=held.own_cost,
            created_at=held.created_at // _MS,
            ended_at=None if held.ended_at is None else held.ended_at // _MS,
        )


class Story(BaseModel):
    """One request: its lines, the oldest first; its holds; what moved; its change.

    ``access`` is the line that was written when it ended. ``next_before`` as in :class:`LogPage`.
    """

    request_id: str
    access: dict[str, Any] | None
    lines: list[dict[str, Any]]
    holds: list[HoldInfo]
    transfers: list[TransferInfo]
    change: list[TokenInfo]
    next_before: str | None
