"""The played provider of the matrix: what a request gets stands on the ticket that it carries."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from devkit.upstream import Exchange, Play, answer, refuse
from devkit.upstream.http import Seen

TICKET: Final = "X-Title"
"""A header of the client's that reaches the provider."""
_UNKNOWN: Final = ("/messages", "/responses")


@dataclass(slots=True)
class Stage:
    """What one cell's request gets, and what is known of it."""

    play: Play
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    times: int = 0
    """How often the provider was asked."""


class Stages:
    """By ticket. ``play`` is a provider's default, ``play_chatty`` that of one that only chats."""

    def __init__(self) -> None:
        self._stages: dict[str, Stage] = {}
        self.strangers: list[Seen] = []
        """Requests without a ticket, which nobody sent."""

    def set(self, ticket: str, play: Play) -> Stage:
        self._stages[ticket] = Stage(play)
        return self._stages[ticket]

    async def play(self, exchange: Exchange) -> None:
        stage = self._stages.get(exchange.request.header(TICKET) or "")
        if stage is None:
            self.strangers.append(exchange.request)
            await refuse(404)(exchange)
            return
        stage.times += 1
        stage.arrived.set()
        await stage.play(exchange)

    async def play_chatty(self, exchange: Exchange) -> None:
        if exchange.request.path.endswith(_UNKNOWN):
            await answer(404, {"detail": "Not Found"})(exchange)
            return
        await self.play(exchange)
