"""The paid path against a bare relay: same provider, same server, same client, in turn.

python -m bench.paid_path [--seconds 5] [--rounds 3] [--connections 1,16,64] [--postgres]

Needs gcc and wrk (Debian packages). The provider is played by ``bench/tools/mock_upstream.c``; the
money is real ecash of a nutshell mint, and after the runs the drop of the balance is compared with
the sum of what the node booked, and ``routstr verify`` must hold.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp

from devkit.environment import python
from devkit.mint import Mint
from devkit.node import Node
from devkit.node import settings as node_settings
from devkit.payer import Payer
from devkit.ports import LOOPBACK, free_port
from devkit.postgres import Postgres
from devkit.prices import NO_FEES, write_models
from devkit.processes import Child, Program

_TOOLS: Final = Path(__file__).parent / "tools"
_DEPOSIT_SAT: Final = 900_000
_BODY: Final = json.dumps(
    {
        "model": "mock-model",
        "max_tokens": 100,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Tell me a short story about a fox and a lazy dog."},
        ],
    }
)
_CHEAP: Final = {"prompt": "0.0000001", "completion": "0.0000004"}
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def build_upstream(folder: Path) -> Path:
    """Compile the mock provider."""
    program = folder / "mock_upstream"
    source = str(_TOOLS / "mock_upstream.c")
    subprocess.run(["gcc", "-O2", "-o", str(program), source], check=True)
    return program


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def load(url: str, key: str, connections: int, seconds: int) -> dict[str, float]:
    """Run wrk once and return its figures."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_TOOLS / "post.lua")]
    environment = {
        "PATH": "/usr/bin:/bin",
        "WRK_BODY": _BODY,
        "WRK_HEADERS": f"Authorization: Bearer {key}",
    }
    done = subprocess.run(
        [*command, f"{url}/v1/chat/completions"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    line = next(text for text in done.stdout.splitlines() if text.startswith("RESULT "))
    figures: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return figures


async def start_relay(folder: Path, upstream: str) -> tuple[Child, int]:
    """Start the bare relay under uvicorn."""
    port = free_port()
    program = Program(
        "bare relay",
        [str(python()), "-m", "uvicorn", "bench.bare_relay:app", "--port", str(port),
         "--no-access-log", "--log-level", "warning"],
        folder,
        {"UPSTREAM": upstream, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    child = Child(program)
    await child.wait_for_port(limit_s=30)
    return child, port


async def open_key(node: Node, mint: Mint) -> str:
    """Deposit real ecash and return the key."""
    async with Payer(mint.url) as payer, aiohttp.ClientSession() as session:
        token = await payer.token(_DEPOSIT_SAT)
        body = {"initial_balance_token": token}
        async with session.post(f"{node.url}/v1/balance/create", json=body) as answer:
            created = await answer.json()
            assert answer.status == 200, created
    return str(created["api_key"])


async def info(node: Node, key: str) -> dict[str, int]:
    """Read the key's balance."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/v1/balance/info", headers=headers) as answer,
    ):
        found: dict[str, int] = await answer.json()
        return found


async def run(rounds: int, seconds: int, connections: Sequence[int], *, postgres: bool) -> None:
    """Measure and print."""
    if shutil.which("wrk") is None or shutil.which("gcc") is None:
        sys.exit("bench.paid_path needs wrk and gcc: apt-get install wrk gcc")
    with tempfile.TemporaryDirectory(prefix="routstr-bench-") as name:
        folder = Path(name)
        port = free_port()
        upstream = Child(
            Program("mock upstream", [str(build_upstream(folder)), str(port)], folder / "upstream")
        )
        await upstream.wait_for_port(limit_s=10)
        address = f"http://{LOOPBACK}:{port}"
        server = await Postgres.start(durable=True) if postgres else None
        mint = await Mint.start(folder / "mint")
        models = write_models(folder / "models.json", ["mock-model"], pricing=_CHEAP)
        settings = {
            **node_settings(mints=[mint.url], upstream=f"{address}/v1", models=models),
            **NO_FEES,
            "TOKEN_SAT_MAX": str(_DEPOSIT_SAT),
            "ENABLE_CONSOLE_LOGGING": "false",
        }
        if server is not None:
            settings["DATABASE_URL"] = server.create_database()
        node = await Node.start(folder / "node", settings)
        relay, relay_port = await start_relay(folder / "relay", address)
        try:
            key = await open_key(node, mint)
            before = await info(node, key)
            targets = {
                "bare relay": (f"http://{LOOPBACK}:{relay_port}", relay.pid),
                "node": (node.url, node.pid),
            }
            for url, _ in targets.values():
                load(url, key, 16, 2)  # warm
            for count in connections:
                compare(targets, key, count, rounds, seconds)
            await check(node, key, before)
        finally:
            await relay.stop()
            await node.stop()
            await mint.stop()
            await upstream.stop()
            if server is not None:
                await server.stop()


def compare(
    targets: dict[str, tuple[str, int]], key: str, count: int, rounds: int, seconds: int
) -> None:
    """Load the targets in turn and print medians."""
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, (url, pid) in targets.items():
            cpu = cpu_seconds(pid)
            figures = load(url, key, count, seconds)
            cpu = (cpu_seconds(pid) - cpu) / max(figures["requests"], 1) * 1e6
            assert figures["err_status"] == 0, f"{name}: {figures}"
            found[name].append((figures["rps"], figures["p50_ms"], figures["p99_ms"], cpu))
    for name, runs in found.items():
        rate, p50, p99, cpu = (statistics.median(values) for values in zip(*runs, strict=True))
        rates = [run[0] for run in runs]
        print(
            f"{name:>11} {count:>3} connections  {rate:>6.0f} requests/s"
            f" ({min(rates):.0f}-{max(rates):.0f})  p50 {p50:.2f} ms  p99 {p99:.2f} ms"
            f"  {cpu:.0f} us CPU"
        )


async def settled(node: Node, key: str) -> dict[str, int]:
    """The key's figures once the requests that the load tool left behind have ended, too."""
    after = await info(node, key)
    for _ in range(100):
        if after["reserved"] == 0:
            break
        await asyncio.sleep(0.1)
        after = await info(node, key)
    return after


async def check(node: Node, key: str, before: dict[str, int]) -> None:
    """Compare the drop of the balance with what was booked, and verify everything."""
    after = await settled(node, key)
    drop = before["balance"] - after["balance"]
    spent = after["total_spent"] - before["total_spent"]
    assert drop == spent > 0, (drop, spent)
    assert after["reserved"] == 0, after
    finished = await node.command("verify")
    print(f"{after['total_requests']} requests paid {drop} msat; verify: {finished.status == 0}")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    connections = [int(text) for text in given.connections.split(",")]
    asyncio.run(run(given.rounds, given.seconds, connections, postgres=given.postgres))


if __name__ == "__main__":
    main()
