"""Find a node through a Nostr relay, and buy one answer from the cheapest. No account, no key.

::

    export CASHU_TOKEN=cashuB...
    python examples/find_and_pay.py wss://relay.damus.io "Why is the sky blue?"

All that is known is the address of a relay. From there: announcements (kind 38421, RIP-02) whose
signatures are right, the models and prices of each node that takes the token's mint, and one
request to the cheapest, paid with the token alone (``X-Cashu``). What it did not cost comes back
as another token. Needs aiohttp and nostr-sdk, and of this project what reads a token.

A client for daily use would also ask what others say of a node (kind 38425) before it pays.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import aiohttp
import nostr_sdk

from routstr.errors import InvalidToken
from routstr.money import MSAT_PER_SAT, Unit
from routstr.wallet.token import Token, decode

ANNOUNCEMENT: Final = 38_421
RELAY_SECONDS: Final = 10.0
NODE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 300.0
FUTURE_SECONDS_MAX: Final = 900
WORDS_MAX: Final = 64
"""The longest answer that is asked for, in tokens: it bounds what the node sets aside."""
NONSENSE: Final = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, IndexError)
"""What comes of reading an answer that is not as agreed."""


@dataclass(frozen=True)
class Node:
    """A node as it announces itself."""

    url: str
    mints: frozenset[str]


@dataclass(frozen=True)
class Offer:
    """A model at a node, and what the question may cost there at most, in sat."""

    node: Node
    model: str
    sat: Decimal


@dataclass(frozen=True)
class Bought:
    """An answer, what it cost in msat, and the token that came back; empty: nothing was left."""

    offer: Offer
    text: str
    msat: int
    change: str


class Refused(Exception):
    """The node did not answer; ``token`` is what holds the money now."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message)
        self.token = token


async def find(session: aiohttp.ClientSession, relay: str, *, insecure: bool) -> list[Node]:
    """The nodes that a relay tells of; ``insecure`` lets plain http through, for tests.

    Raises ``LookupError`` when the relay does not answer.
    """
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        events = await _announcements(session, relay)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise LookupError(f"The relay {relay} does not answer: {error}.") from error
    for event in events:
        tags = [tag for tag in event["tags"] if len(tag) > 1]
        name = next((tag[1] for tag in tags if tag[0] == "d"), "")
        known = newest.get((event["pubkey"], name))
        if known is None or known["created_at"] < event["created_at"]:
            newest[event["pubkey"], name] = event
    nodes: dict[str, Node] = {}
    for event in newest.values():
        urls = [tag[1].rstrip("/") for tag in event["tags"] if tag[0] == "u"]
        mints = {tag[1].rstrip("/") for tag in event["tags"] if tag[0] == "mint"}
        usable = [url for url in urls if url.startswith("https://") or insecure]
        if usable:  # one without an address was withdrawn, or is something else
            nodes[usable[0]] = Node(usable[0], frozenset(mints))
    return list(nodes.values())


async def _announcements(session: aiohttp.ClientSession, relay: str) -> list[dict[str, Any]]:
    """What the relay sends until it says that this was all, as far as the signatures go."""
    found = []
    asked = {"kinds": [ANNOUNCEMENT], "limit": 100}
    async with asyncio.timeout(RELAY_SECONDS), session.ws_connect(relay) as socket:
        await socket.send_str(json.dumps(["REQ", "nodes", asked]))
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            match json.loads(message.data):
                case ["EVENT", "nodes", dict() as event] if _is_genuine(event):
                    found.append(event)
                case ["EOSE", "nodes"]:
                    break
    return found


def _is_genuine(event: dict[str, Any]) -> bool:
    try:
        known = nostr_sdk.Event.from_json(json.dumps(event))
        genuine = bool(known.verify())
    except nostr_sdk.NostrSdkError:
        return False
    return (
        genuine
        and event["kind"] == ANNOUNCEMENT
        and event["created_at"] <= time.time() + FUTURE_SECONDS_MAX
    )


async def offers(session: aiohttp.ClientSession, node: Node, question: str) -> list[Offer]:
    """What a node sells; nothing, when it does not answer."""
    try:
        async with asyncio.timeout(NODE_SECONDS), session.get(f"{node.url}/v1/models") as answer:
            models = json.loads(await answer.text(), parse_float=Decimal)["data"]
        return [
            Offer(node, str(model["id"]), _sat(model["sats_pricing"], question))
            for model in models
            # what has no price for words sells something else
            if model["sats_pricing"] and model["sats_pricing"]["completion"] > 0
        ]
    except (aiohttp.ClientError, TimeoutError, *NONSENSE):
        return []


def _sat(prices: Mapping[str, Any], question: str) -> Decimal:
    """What the question and the longest answer to it cost; a token has at least one byte."""
    request, read, write = (Decimal(prices[name]) for name in ("request", "prompt", "completion"))
    return max(request, Decimal()) + read * len(question.encode()) + write * WORDS_MAX


async def ask(session: aiohttp.ClientSession, offer: Offer, text: str, question: str) -> Bought:
    """Pay with a token and get the answer and the change. Raises :class:`Refused`."""
    body = {
        "model": offer.model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": WORDS_MAX,
    }
    change = ""
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            session.post(
                f"{offer.node.url}/v1/chat/completions", json=body, headers={"X-Cashu": text}
            ) as answer,
        ):
            change, told = answer.headers.get("X-Cashu", ""), await answer.json()
        if answer.ok:
            said = str(told["choices"][0]["message"]["content"])
            msat = int(told["usage"]["cost"]["total_msats"])
        else:
            # the answer names the token that holds the money; without one it is the one sent
            raise Refused(f"{answer.status}: {told['error']['message']}", change or text)
    except (aiohttp.ClientError, TimeoutError, *NONSENSE) as error:
        left = change or await claim(session, offer, text)
        raise Refused(f"No answer: {error}", left) from error
    if answer.headers.get("X-Routstr-Change") == "pending":  # the mint was slow
        change = await claim(session, offer, text)
    return Bought(offer, said, msat, change)


async def claim(session: aiohttp.ClientSession, offer: Offer, text: str) -> str:
    """Ask for the change of a token that has paid; the token itself when it is not told."""
    url = f"{offer.node.url}/v1/balance/refund"
    try:
        async with session.post(url, headers={"X-Cashu": text}) as answer:
            return str((await answer.json())["token"])
    except (aiohttp.ClientError, TimeoutError, *NONSENSE):
        return text


def cheapest(found: Sequence[Offer], token: Token) -> Offer:
    """The cheapest model that the token can pay. Raises ``LookupError``."""
    worth = Decimal(token.amount)
    if token.unit is Unit.MSAT:
        worth /= MSAT_PER_SAT
    payable = [offer for offer in found if offer.sat <= worth]
    if not payable:
        raise LookupError(f"None of {len(found)} models can be paid with {worth} sat.")
    return min(payable, key=lambda offer: (offer.sat, offer.model))


async def buy(
    session: aiohttp.ClientSession, relay: str, text: str, question: str, *, insecure: bool = False
) -> Bought:
    """From a relay's address to an answer.

    Raises ``ValueError`` for what is no token, ``LookupError`` and :class:`Refused`.
    """
    try:
        token = decode(text)
    except InvalidToken as error:
        raise ValueError(str(error)) from None
    nodes = await find(session, relay, insecure=insecure)
    fitting = [node for node in nodes if token.mint in node.mints]
    if not fitting:
        raise LookupError(f"None of {len(nodes)} nodes takes tokens of {token.mint}.")
    listed = await asyncio.gather(*(offers(session, node, question) for node in fitting))
    if not any(listed):
        raise LookupError(f"None of the {len(fitting)} nodes that take it answers with models.")
    offer = cheapest([offer for some in listed for offer in some], token)
    return await ask(session, offer, text, question)


async def main() -> int:
    """Do as the command line says; the token comes by the environment, where it is not listed."""
    parser = argparse.ArgumentParser(description="Buy one answer from the cheapest node.")
    parser.add_argument("relay", help="wss://...")
    parser.add_argument("question")
    said = parser.parse_args()
    text = os.environ.get("CASHU_TOKEN", "")
    if not text:
        parser.error("put a Cashu token into CASHU_TOKEN")
    async with aiohttp.ClientSession() as session:
        try:
            bought = await buy(session, said.relay, text, said.question)
        except Refused as refused:
            print(f"{refused}\nYour money: {refused.token}")
            return 1
        except (LookupError, ValueError) as error:
            print(f"{error} Your token was not used.")
            return 1
    print(f"{bought.text}\n\n{bought.offer.model} at {bought.offer.node.url}: {bought.msat} msat")
    print(f"Your change: {bought.change or 'none'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
