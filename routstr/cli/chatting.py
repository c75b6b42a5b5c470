"""``routstr chat``: a conversation in the terminal, each answer paid for out of a purse."""

import asyncio
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import typer
from msgspec import Struct

from routstr.cli.pay_actions import with_purse
from routstr.cli.pay_words import bill_in_words, told
from routstr.cli.purse.node import Nodes, Unpayable, answer_of, checked_address
from routstr.cli.purse.paying import AnswerLost, Bill, Till
from routstr.cli.purse.purse import Paid, Purse
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, environment_or_exit, fail

PATH: Final = "/v1/chat/completions"
_LINE_BYTES_MAX: Final = 1 << 20
_ERROR_BYTES_MAX: Final = 1 << 16


class Asked(Struct, frozen=True):
    """Whom the conversation is with, and what it may cost."""

    node: str
    model: str
    system: str
    max_sat: int
    json: bool


class Conversation:
    """The messages so far; each question is asked with all of them."""

    def __init__(self, asked: Asked, purse: Purse, nodes: Nodes) -> None:
        self._asked: Final = asked
        self._nodes: Final = nodes
        self._till: Final = Till(purse, nodes, asked.node, asked.max_sat)
        start = {"role": "system", "content": asked.system}
        self._messages: list[dict[str, str]] = [start] if asked.system else []

    async def say(self, question: str) -> None:
        """Ask, print the answer as it comes, and what it cost."""
        messages = [*self._messages, {"role": "user", "content": question}]
        body = msgspec.json.encode(
            {"model": self._asked.model, "messages": messages, "stream": True}
        )
        paid = await self._till.pay(await self._till.price(PATH, body))
        answer, bill = await self._answer(paid, body)
        self._messages = [*messages, {"role": "assistant", "content": answer}]
        if self._asked.json:
            typer.echo(msgspec.json.encode({"answer": answer, "bill": bill}))
        else:
            typer.echo(f"\n[{bill_in_words(bill)}]", err=True)

    async def _answer(self, paid: Paid, body: bytes) -> tuple[str, Bill]:
        heard: list[str] = []
        change, cost = "", None
        url = f"{self._asked.node}{PATH}"
        try:
            async with self._nodes.asking("POST", url, body, token=paid.token) as response:
                if response.status != HTTPStatus.OK:
                    refused = answer_of(response, await response.content.read(_ERROR_BYTES_MAX))
                    bill = await self._till.settled(paid, refused.token, refused.cost_msat)
                    raise AnswerLost(refused.problem, bill)
                async for event in _events(response):
                    self._show(event, heard)
                    change, cost = _change(event) or change, _cost(event, cost)
        except (aiohttp.ClientError, OSError) as error:
            bill = await self._till.settled(paid, change, cost)
            raise AnswerLost(explain(error), bill) from error
        return "".join(heard), await self._till.settled(paid, change, cost)

    def _show(self, event: dict[str, Any], heard: list[str]) -> None:
        for words in _words(event):
            heard.append(words)
            if not self._asked.json:
                sys.stdout.write(fit_for_terminal(words))
                sys.stdout.flush()


def run(asked: Asked, folder: Path | None, message: str | None) -> None:
    """Talk until the input ends, or send the one message."""
    settings = environment_or_exit()
    try:
        asked = msgspec.structs.replace(asked, node=checked_address(asked.node))
    except Unpayable as error:
        fail(f"The node cannot be asked: {explain(error)}.", EXIT_USAGE)

    async def talk(purse: Purse, nodes: Nodes) -> None:
        conversation = Conversation(asked, purse, nodes)
        if message is not None:
            await conversation.say(message)
            return
        while (question := await asyncio.to_thread(_read)) is not None:
            if question:
                await _say(conversation, question)

    async def work() -> None:
        await with_purse(settings, folder, talk)

    try:
        asyncio.run(work())
    except PROBLEMS as error:
        fail(told(error, "There is no answer"))


async def _say(conversation: Conversation, question: str) -> None:
    """At a terminal the talk goes on after a trouble."""
    try:
        await conversation.say(question)
    except PROBLEMS as error:
        if not sys.stdin.isatty():
            raise
        typer.echo(told(error, "There is no answer"), err=True)


def fit_for_terminal(words: str) -> str:
    """Text without what a terminal would obey."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in words)


def _read() -> str | None:
    """The next line; None at the end of the input."""
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip() if line else None


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream of events, as they come."""
    rest = b""
    async for part in response.content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > _LINE_BYTES_MAX:
            raise aiohttp.ClientPayloadError("a line of the stream is too long")
        for line in lines:
            name, _, data = line.partition(b":")
            if name != b"data" or data.strip() in {b"", b"[DONE]"}:
                continue
            try:
                event = msgspec.json.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event


def _words(event: dict[str, Any]) -> list[str]:
    choices = event.get("choices")
    deltas = [one.get("delta") for one in choices or () if isinstance(one, dict)]
    found = [delta.get("content") for delta in deltas if isinstance(delta, dict)]
    return [words for words in found if isinstance(words, str)]


def _routstr(event: dict[str, Any]) -> dict[str, Any]:
    metadata = event.get("metadata")
    told = metadata.get("routstr") if isinstance(metadata, dict) else None
    return told if isinstance(told, dict) else {}


def _change(event: dict[str, Any]) -> str:
    return str(_routstr(event).get("change") or "")


def _cost(event: dict[str, Any], before: int | None) -> int | None:
    cost = _routstr(event).get("cost")
    total = cost.get("total_msats") if isinstance(cost, dict) else None
    return total if type(total) is int else before
