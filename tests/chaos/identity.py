"""Requests that can be told apart by what they cost.

The n-th request of a client has a prompt of its own length. So each charge names its request by the
tokens that were counted, by the provider or by the node, even if nobody has seen the answer.
"""

from typing import Final, Literal

from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from devkit.upstream import Exchange, Play, Reply, Shape, chat
from routstr.payment.tokens import prompt_estimate

_REQUEST_MSAT: Final = 1
_FILLING: Final = " a"
_INTERVAL_S: Final = 0.02


def content(mark: str, number: int) -> str:
    """The prompt of a client's n-th request; ``mark`` names it among all."""
    return f"{mark}:{_FILLING * number}"


def mark_in(text: str) -> str:
    """The mark of a prompt."""
    return text.partition(":")[0]


def counted(text: str) -> int:
    """The tokens of a prompt as all providers here count them: its words."""
    return len(text.split())


def estimated(text: str) -> int:
    """As the node counts them when no provider has told."""
    return prompt_estimate({"messages": [{"role": "user", "content": text}]}).tokens


def cost(input_tokens: int, output_tokens: int) -> int:
    """In msat."""
    return _REQUEST_MSAT + input_tokens * PROMPT_MSAT + output_tokens * COMPLETION_MSAT


def speak(
    *, stop_after: int | None = None, ending: Literal["close", "half event", "reset"] = "close"
) -> Play:
    """A provider that answers and counts words."""
    shape = Shape(interval_s=_INTERVAL_S, stop_after=stop_after, ending=ending)

    async def play(exchange: Exchange) -> None:
        (message,) = exchange.request.json["messages"]
        reply = Reply(prompt_tokens=counted(message["content"]))
        await chat(reply, shape)(exchange)

    return play
