"""One instance and two behind nginx, on PostgreSQL: ``make bench-instances``.

Paid JSON requests, in turn to one instance, to one behind nginx and to two behind it. For each part
its processor time per request; what PostgreSQL's sessions wait for; what the database does alone.
Writes the figures into ``docs/scaling.md``, unless the run was small.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from bench import instances_report as report
from bench import load, machine
from bench.instances_report import PARTS, Found, Pairs, Round, placed_at, render
from bench.ledger_pairs import measure
from bench.money import _broken, _settled, open_key
from bench.peers import ALL, PEERS, _installed
from bench.scenarios import JSON, WARM_S
from bench.targets import NGINX, Target, start_node, start_upstream
from bench.tooling import NoCompiler, Tools
from bench.usage import cpu_seconds
from devkit.environment import ROOT, python
from devkit.mint import Mint
from devkit.node import Node
from devkit.ports import LOOPBACK, free_port
from devkit.postgres import Postgres
from devkit.processes import Child, Program
from routstr.core.db import migrate

DOCUMENT: Final = ROOT / "docs" / "scaling.md"
KEPT: Final = ROOT / "build" / "bench" / "instances.json"
CALLERS: Final = 64
KEYS: Final = 64
"""Clients have keys of their own; two instances that charge one key wait for each other."""
KEY_SAT: Final = 20_000
_LOOK_S: Final = 0.05
_WRITERS: Final = (1, 2)
_SEEN: Final = """
SELECT coalesce(wait_event_type || ': ' || wait_event, 'working'), count(*) FROM pg_stat_activity
WHERE state <> 'idle' AND backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1
"""
_CONFIG: Final = """\
daemon off; master_process off; worker_processes 1; pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; error_log {folder}/error.log;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream one {{ server {first}; keepalive 128; }}
  upstream two {{ least_conn; server {first}; server {second}; keepalive 128; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
  keepalive_requests 1000000000;
  server {{ listen {one}; location / {{ proxy_pass http://one; }} }}
  server {{ listen {two}; location / {{ proxy_pass http://two; }} }}
}}
"""


@dataclass(slots=True)
class Scene:
    """What runs: processes by part, targets, and where the database is asked what it does."""

    pids: dict[str, int] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    database: str = ""


class Watch:
    """Looks again and again at what PostgreSQL's sessions are doing."""

    def __init__(self, url: str) -> None:
        self._url: Final = url
        self.seen: Final[Counter[str]] = Counter()

    @contextmanager
    def looking(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._look, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look(self, over: threading.Event) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not over.wait(_LOOK_S):
                self.seen.update(dict(connection.execute(_SEEN).fetchall()))


def plain(url: str) -> str:
    """A database's URL as psycopg itself takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def used(pids: Mapping[str, int]) -> dict[str, float]:
    """Processor seconds of every part so far."""
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = {part: cpu_seconds([pid]) for part, pid in pids.items()}
    return {**spent, "load": own.ru_utime + own.ru_stime}


async def run(rounds: int, seconds: float, connections: int) -> Found:
    """Measure all; nothing stays behind."""
    told_msat, measured = 0, list[Round]()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routstr-bench-")))
        tools = Tools.build(folder / "tools")
        server = await Postgres.start(durable=True)
        stack.push_async_callback(server.stop)
        scene, nodes, mint = await _set(folder, tools, server, stack)
        keys = [await open_key(nodes[0], mint, KEY_SAT) for _ in range(KEYS)]
        bearers = {"Bearers": " ".join(keys)}
        watches = {target.name: Watch(scene.database) for target in scene.targets}
        for number in range(-1, rounds):
            turn = number % len(scene.targets)
            for target in [*scene.targets[turn:], *scene.targets[:turn]]:
                before, many = used(scene.pids), replace(target, headers=bearers)
                with watches[target.name].looking():
                    done = load.http(
                        tools.http, many, JSON[1].call, connections,
                        seconds if number >= 0 else WARM_S,
                    )  # fmt: skip
                told_msat += done.summed
                if number < 0:
                    watches[target.name].seen.clear()
                    continue
                after = used(scene.pids)
                each = {part: (after[part] - before[part]) / done.all * 1e6 for part in PARTS}
                told = done.figures
                measured.append(
                    Round(target.name, told["rate"], told["p50_ms"], told["p99_ms"], each)
                )
                print(f"  {target.name}: {told['rate']:,.0f}/s", flush=True)
        trouble = await _trouble(nodes[0], keys, told_msat)
        pairs = [_alone(server, writers, seconds) for writers in _WRITERS]
    waits = {name: dict(watch.seen) for name, watch in watches.items()}
    return Found(machine.describe(), measured, pairs, waits, trouble, os.cpu_count() or 1)


async def _trouble(node: Node, keys: Sequence[str], told: int) -> str:
    """What does not agree: balances, what was booked, what answers told; empty when all does."""
    infos = [await _settled(node, key) for key in keys]
    gone = sum(KEY_SAT * 1_000 - info["balance"] for info in infos)
    booked = sum(info["total_spent"] for info in infos)
    held = sum(info["reserved"] for info in infos)
    if held or not gone == booked == told:
        return f"{gone} msat are gone, {booked} booked, {told} told, {held} reserved"
    return "routstr verify found something" if await _broken(node) else ""


async def _set(
    folder: Path, tools: Tools, server: Postgres, stack: AsyncExitStack
) -> tuple[Scene, list[Node], Mint]:
    """Start the provider, the mint, two instances on one database, and nginx before them."""
    provider, upstream = await start_upstream(tools.upstream, folder / "upstream")
    stack.push_async_callback(provider.stop)
    mint = await Mint.start(folder / "mint")
    stack.push_async_callback(mint.stop)
    first = await start_node(folder / "first", upstream, mint, server)
    stack.push_async_callback(first.stop)
    same = {**first.settings, "LOG_DIR": str(folder / "second" / "logs")}
    second = await Node.start(folder / "second", same)
    stack.push_async_callback(second.stop)
    ports = free_port(), free_port()
    nginx = _nginx(folder / "nginx", ports, (first.port, second.port))
    await nginx.wait_for_port(limit_s=20)
    stack.push_async_callback(nginx.stop)
    pids = (first.pid, second.pid, server.pid, nginx.pid, provider.pid)
    named = zip((report.DIRECT, report.ONE, report.TWO), (first.port, *ports), strict=True)
    targets = [Target(name, port, pids) for name, port in named]
    scene = Scene(dict(zip(PARTS, pids, strict=False)), targets, plain(same["DATABASE_URL"]))
    return scene, [first, second], mint


def _nginx(folder: Path, ports: tuple[int, int], nodes: tuple[int, int]) -> Child:
    (peer,) = [one for one in ALL if one.name == NGINX]
    home = PEERS / peer.name.lower()
    _installed(peer, home)
    folder.mkdir()
    command = peer.command(home, folder, *ports)
    places = [f"{LOOPBACK}:{port}" for port in (*ports, *nodes)]
    names = dict(zip(("one", "two", "first", "second"), places, strict=True))
    Path(command[-1]).write_text(_CONFIG.format(folder=folder, **names))
    return Child(Program("nginx", command, folder))


def _alone(server: Postgres, writers: int, seconds: float) -> Pairs:
    """What the database does when nothing else is asked of it."""
    url = server.create_database()
    migrate.upgrade(url)
    before = cpu_seconds([server.pid])
    command = (python(), "-m", "bench.instances", "--pairs", url, "--seconds", str(seconds))
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(writers)
    ]
    rates = [float(one.communicate()[0]) for one in running]
    spent = cpu_seconds([server.pid]) - before
    return Pairs(writers, sum(rates), spent / (sum(rates) * seconds) * 1e6)


def main() -> int:
    """Exit status: 1 when money is missing, whatever the speed."""
    parser = argparse.ArgumentParser(prog="python -m bench.instances", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pairs", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--small", action="store_true", help="write nothing")
    given = parser.parse_args()
    if given.pairs:
        import uvloop  # noqa: PLC0415

        print(uvloop.run(measure(given.pairs, CALLERS, given.seconds, CALLERS))[0])
        return 0
    try:
        found = asyncio.run(run(given.rounds, given.seconds, given.connections))
    except NoCompiler as missing:
        print(missing, file=sys.stderr)
        return 2
    print("\n" + render(found))
    if not given.small:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_bytes(msgspec.json.encode(found))
        DOCUMENT.write_text(placed_at(DOCUMENT.read_text(), "instances", render(found)))
    return int(bool(found.trouble))


if __name__ == "__main__":
    sys.exit(main())
