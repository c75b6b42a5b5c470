"""Bringing payments to their end: the change of those that were served, the rest of the others.

::

    change that was told: kept, taken in
    ask the node for the change of the token
      ├ here it is           take it in
      ├ wait (425)           ask again a little later
      ├ nothing is left      ask the mint: spent   -> settled
      │                                    unspent -> take the token back
      ├ not known here       ask the mint: unspent -> take the token back
      │                                    spent   -> somebody has it, and we know nothing: open
      └ no answer            open
"""

import asyncio
from contextlib import suppress
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import aiohttp
from msgspec import Struct

from routstr.cli.purse.node import Answer, Nodes
from routstr.cli.purse.purse import Paid, Purse
from routstr.core.explanation import explain
from routstr.errors import FeesExceedAmount, RoutstrError, TokenAlreadySpent

CLAIM: Final = "/v1/wallet/refund"
WAIT_SECONDS_MAX: Final = 20.0
_PAUSE_SECONDS: Final = 0.5
_TOKEN: Final = ("cashuA", "cashuB")
_NOTHING_LEFT: Final = frozenset({"no_balance", "balance_too_small"})


class End(StrEnum):
    """What became of a payment."""

    CHANGE = "change"
    SPENT = "spent"
    """Nothing was left of it."""
    BACK = "back"
    """The token was not used and is here again."""
    OPEN = "open"


class Settlement(Struct, frozen=True):
    """What came back of a payment, in its unit, net of the mint's fee."""

    end: End
    back: int = 0
    problem: str = ""


async def settle(
    purse: Purse, nodes: Nodes, paid: Paid, *, change: str = "", patience_s: float | None = None
) -> Settlement:
    """End a payment as far as that can be done now; ``change`` is what the node has said it is.

    What is no token, as another payment request, is no change: the node is asked.
    Never raises for what node or mint answer: an open payment is asked about again next time.
    """
    try:
        if change.startswith(_TOKEN):
            return await _take(purse, paid, change)
        if kept := await purse.kept_change(paid):
            with suppress(RoutstrError):  # then the node may know better
                ended = await _take(purse, paid, kept)
                if ended.end is not End.OPEN:
                    return ended
        patience = WAIT_SECONDS_MAX if patience_s is None else patience_s
        return await _claim(purse, nodes, paid, patience)
    except (RoutstrError, aiohttp.ClientError, OSError, ValueError) as error:
        return Settlement(End.OPEN, problem=explain(error) or type(error).__name__)


async def _claim(purse: Purse, nodes: Nodes, paid: Paid, patience_s: float) -> Settlement:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while True:
        answer = await nodes.ask("POST", f"{paid.node}{CLAIM}", b"{}", token=paid.token)
        if answer.status != HTTPStatus.TOO_EARLY:
            break
        if loop.time() > deadline:
            return Settlement(End.OPEN, problem="the node is not finished with it")
        await asyncio.sleep(_PAUSE_SECONDS)
    if answer.status == HTTPStatus.OK:
        return await _take(purse, paid, answer.token or str(answer.data.get("token") or ""))
    spent = _code(answer) in _NOTHING_LEFT
    if not spent and answer.status != HTTPStatus.NOT_FOUND:
        return Settlement(End.OPEN, problem=answer.problem)
    if not await purse.is_redeemed(paid):
        return await _take(purse, paid, paid.token)
    if spent:
        await purse.settle(paid)
        return Settlement(End.SPENT)
    return Settlement(End.OPEN, problem="the token is spent, and the node knows nothing of it")


async def _take(purse: Purse, paid: Paid, text: str) -> Settlement:
    end = End.BACK if text == paid.token else End.CHANGE
    if end is End.CHANGE:
        await purse.keep_change(paid, text)
    try:
        arrived = await purse.settle_with(paid, text)
    except FeesExceedAmount:  # less than what taking it in would cost
        await purse.settle(paid)
        return Settlement(End.SPENT)
    except TokenAlreadySpent:
        if end is End.BACK:
            raise
        return Settlement(End.OPEN, problem="the node's change is spent already")
    return Settlement(end, arrived.amount)


def _code(answer: Answer) -> str:
    error = answer.data.get("error")
    if isinstance(error, dict):
        return str(error.get("code", ""))
    detail = answer.data.get("detail")
    inner = detail.get("error") if isinstance(detail, dict) else None
    return str(inner.get("code", "")) if isinstance(inner, dict) else ""
