"""The stage stays up: lines to copy into another terminal, until Ctrl-C."""

import asyncio
import json
from typing import Final

from demo.endings import ENDINGS
from demo.screen import Screen
from demo.stage import Stage
from devkit.model import ALIAS
from devkit.payer import Payer

OWN_SAT: Final = 64


async def your_turn(stage: Stage, screen: Screen) -> None:
    """Give the person at the terminal a key of their own; returns at Ctrl-C."""
    async with Payer(stage.mint.url) as wallet:
        token = await wallet.token(OWN_SAT)
    screen.step("Your turn")
    screen.note(f"Fresh ecash of {OWN_SAT} sat is your key. In another terminal:")
    screen.command("")
    for line in lines(stage.node.base_url, token):
        screen.command(line)
    screen.note("\nEverything stays up until you press Ctrl-C here.")
    ended = asyncio.Event()
    for number in ENDINGS:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    screen.note("Stopping and tidying up.")


def lines(base_url: str, token: str) -> list[str]:
    """Shell lines that use the token as key: ask, ask for a stream, look, take the rest back."""
    question = {"role": "user", "content": "Hello! Who are you?"}
    ask = {"model": ALIAS, "messages": [question], "max_tokens": 60}
    key = '-H "Authorization: Bearer $KEY"'
    chat = f'curl -N "$BASE/chat/completions" {key} -H "Content-Type: application/json" -d'
    return [
        f"BASE={base_url}",
        f"KEY={token}",
        f"{chat} '{json.dumps(ask)}'",
        f"{chat} '{json.dumps({**ask, 'stream': True})}'",
        f'curl "$BASE/balance/info" {key}',
        f'curl -X POST "$BASE/balance/refund" {key}',
    ]
