"""What is heard in a stream, shown, and paid."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest

from routstr.cli import chatting
from routstr.cli.chatting import Asked, Conversation, fit_for_terminal
from routstr.cli.purse.paying import AnswerLost
from tests.unit.cli.purse.counter import CLAIM, NODE, Counter, demand, error, open_counter
from tests.unit.cli.stage import Stage

PATH = chatting.PATH


def stream(*events: object) -> bytes:
    told = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    return b": hello\n\n" + told + b"data: [DONE]\n\ndata: {broken\n"


def word(text: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


def receipt(change: str, msat: int) -> dict[str, Any]:
    return {"metadata": {"routstr": {"cost": {"total_msats": msat}, "change": change}}}


@pytest.fixture
async def counter(tmp_path: Any) -> AsyncIterator[Counter]:
    async with open_counter(tmp_path) as opened:
        await opened.fill(64)
        yield opened


def talk(counter: Counter, body: bytes, status: int = 200, cut: bool = False) -> Conversation:
    """A conversation whose next answer is this, in pieces of seven bytes."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            await asyncio.sleep(0)
            yield body[at : at + 7]
        if cut:
            raise aiohttp.ClientPayloadError("cut")

    async def read(_: int) -> bytes:
        return body

    response = SimpleNamespace(
        status=status, headers={}, content=SimpleNamespace(iter_any=pieces, read=read)
    )

    @asynccontextmanager
    async def asking(
        method: str, url: str, body: bytes | None = None, *, token: str = ""
    ) -> AsyncIterator[Any]:
        assert (method, url, bool(token)) == ("POST", f"{NODE}{PATH}", True)
        asked = msgspec.json.decode(body or b"")
        counter.node.tokens.append(str(len(asked["messages"])))
        counter.node.redeem(token)
        yield response

    counter.node.asking = asking  # type: ignore[method-assign]
    counter.node.next(PATH, demand(10, counter.mint.url))
    asked = Asked(NODE, "m", "Be short.", 100, json=False)
    return Conversation(asked, counter.purse, counter.node)


async def test_words_are_shown_as_they_come_and_the_change_is_kept(
    counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    body = stream(word("Hel"), word("lo\x1b[2J"), receipt(counter.change(4), 5_500), [1])
    conversation = talk(counter, body)
    await conversation.say("Hi")
    told = capsys.readouterr()
    assert told.out.strip() == "Hello\ufffd[2J"
    assert "[cost 5,500 msat; 10 sat paid, 4 sat back, 6 sat spent]" in told.err
    assert await counter.held() == 58
    assert [one["role"] for one in conversation._messages] == ["system", "user", "assistant"]


async def test_a_stream_that_breaks_is_paid_for_what_the_node_says(counter: Counter) -> None:
    conversation = talk(counter, stream(word("Hel")), cut=True)
    counter.node.mint = counter.mint
    counter.node.next(CLAIM, error(400, "no_balance"))
    with pytest.raises(AnswerLost) as lost:
        await conversation.say("Hi")
    assert lost.value.bill.spent == 10
    assert len(conversation._messages) == 1, "the question was not answered"


async def test_a_refusal_after_the_payment_gives_the_money_back(counter: Counter) -> None:
    conversation = talk(counter, b'{"error": {"message": "No."}}', status=503)
    counter.node.next(CLAIM, error(404, "refund_not_found"))
    with pytest.raises(AnswerLost, match="No"):
        await conversation.say("Hi")
    assert await counter.held() == 64


def test_a_terminal_obeys_nobody() -> None:
    assert fit_for_terminal("a\tb\nc\r\x07\x9b") == "a\tb\nc\ufffd\ufffd\ufffd"


def test_an_address_without_tls_is_wrong_usage(stage: Stage) -> None:
    said = stage.run("--node", "http://node.example", "--model", "m", "-m", "x", group="chat")
    assert (said.status, "without TLS" in said.error) == (2, True)
