"""A client that is killed while it pays: the next command finds every sat again."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from devkit.environment import python
from devkit.mint import Mint
from devkit.payer import Payer
from tests.integration.money.house import QUESTION, House, open_house

pytestmark = [pytest.mark.slow, pytest.mark.mint]
MOMENTS = (0.9, 1.3, 1.6, 1.9, 2.2, 2.5)
"""Seconds after its start: before, while and after it has paid, on most machines."""


async def killed(house: House, purse: Path, after_s: float) -> int:
    """Ask a model that answers slowly, kill the client; how many payments it found open."""
    body = json.dumps({"model": "slow", "messages": QUESTION})
    words = ("pay", "request", f"{house.client.url}/v1/chat/completions", "--data", body)
    environment = {
        "ROUTSTR_PURSE": str(purse),
        "ALLOW_INSECURE_MINTS": "true",
        "PYTHONPATH": ":".join(sys.path),
        "PATH": "/usr/bin:/bin",
    }
    process = await asyncio.create_subprocess_exec(
        python(), "-m", "routstr", *words, env=environment, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await asyncio.sleep(after_s)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    _, told = await process.communicate()
    return told.decode().count("An earlier payment")


async def test_whenever_it_is_killed_nothing_is_lost(tmp_path: Path, mint: Mint) -> None:
    purse = tmp_path / "purse"
    own = {"ROUTSTR_PURSE": str(purse)}
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [mint.url]) as house, Payer(mint.url) as payer:
        done = await house.node.speak(
            "pay", "receive", "-", stdin=await payer.token(500), environment=own
        )
        assert done.status == 0, done
        noticed = sum([await killed(house, purse, after_s) for after_s in MOMENTS])
        async with asyncio.timeout(60):
            while True:
                left = await house.node.speak("pay", "balance", "--json", environment=own)
                noticed += left.error.count("An earlier payment")
                if left.status == 0:
                    break
        ((place,), still) = left.json["balances"], left.json["open"]
        assert still == []
        assert 500 - len(MOMENTS) * 5 <= place["amount"] < 500
        assert noticed, "some were killed behind their payment"
        assert (await house.audit()).holds
