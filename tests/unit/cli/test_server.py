"""What the server is told, without starting it."""

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from routstr.cli import server
from routstr.cli.ebb import CALM_LOOKS, CROWD
from routstr.cli.workers import Seat
from routstr.core.settings import Settings
from routstr.main import App
from tests.unit.core.asgi import http_scope


@pytest.fixture(autouse=True)
def _process_left_as_it_was() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[uvicorn.Server]:
    seen: list[uvicorn.Server] = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, *_: seen.append(self))
    return seen


def test_address_and_limits_come_from_the_settings_or_the_command(
    started: list[uvicorn.Server],
) -> None:
    settings = Settings(host="127.0.0.2", port=81, drain_seconds=2.5)
    assert server.run(settings, None, None)
    assert server.run(settings, "127.0.0.3", 82)
    first, second = (one.config for one in started)
    assert (first.host, first.port, first.timeout_graceful_shutdown) == ("127.0.0.2", 81, 3)
    assert (second.host, second.port) == ("127.0.0.3", 82)
    assert [first.access_log, first.server_header, first.proxy_headers] == [False] * 3


@pytest.mark.parametrize(
    ("proxies", "peer", "told", "seen"),
    [
        ((), "127.0.0.1", "198.51.100.7", "127.0.0.1"),
        (("10.0.0.0/8",), "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (("10.0.0.0/8",), "10.0.0.3", "198.51.100.7", "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.3", "198.51.100.66, 198.51.100.7, 10.1.1.1", "198.51.100.7"),
    ],
    ids=["nobody is trusted", "not the peer", "the peer", "what the client wrote itself is not"],
)
async def test_a_proxy_names_the_client_only_when_it_is_trusted(
    started: list[uvicorn.Server], proxies: tuple[str, ...], peer: str, told: str, seen: str
) -> None:
    clients: list[str] = []

    class Noting(App):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            clients.append(scope["client"][0])

    server.run(Settings(trusted_proxies=proxies), None, None, Noting)
    config = started[0].config
    config.load()
    scope = http_scope("GET", "/", headers=[("X-Forwarded-For", told)])
    await config.loaded_app({**scope, "client": (peer, 1)}, None, None)
    assert clients == [seen]


def test_a_drain_of_nothing_still_ends(started: list[uvicorn.Server]) -> None:
    server.run(Settings(drain_seconds=0), None, None)
    assert started[0].config.timeout_graceful_shutdown == 1


def test_being_told_to_stop_is_no_death_by_signal(started: list[uvicorn.Server]) -> None:
    server.run(Settings(), None, None)
    for number in (signal.SIGTERM, signal.SIGINT):
        handler: Any = signal.getsignal(number)
        assert handler(number, None) is None


def test_a_signal_drains_the_node_before_the_server_stops(
    started: list[uvicorn.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    drained: list[bool] = []
    monkeypatch.setattr(App, "drain", lambda _self: drained.append(True))
    server.run(Settings(), None, None)
    started[0].handle_exit(signal.SIGTERM, None)
    assert drained == [True]
    assert started[0].should_exit


def test_a_start_that_fails_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(uvicorn.Server, "run", fail)
    assert not server.run(Settings(), None, None)


def test_with_a_notice_it_serves_on_says_so_and_ends_each_connection(
    started: list[uvicorn.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(App, "leave", lambda _self: told.append("leave"))
    monkeypatch.setattr(App, "drain", lambda _self: told.append("drain"))
    server.run(Settings(drain_notice_seconds=9), None, None)
    one = started[0]
    one.started = True
    one.handle_exit(signal.SIGTERM, None)
    assert told == ["leave"]
    assert not one.should_exit
    assert (b"connection", b"close") in one.server_state.default_headers
    assert (b"connection", b"close") in one.config.encoded_headers
    one.handle_exit(signal.SIGTERM, None)
    assert told == ["leave", "drain"]
    assert one.should_exit


def test_a_worker_says_which_one_it_is(started: list[uvicorn.Server]) -> None:
    built: list[App] = []

    def build(settings: Settings) -> App:
        built.append(App(settings))
        return built[0]

    assert server.run(Settings(), None, None, build, Seat(3, (), 0))
    assert built[0].worker == 3
    assert len(started) == 1


async def test_what_the_start_has_left_behind_is_not_looked_through_again(
    started: list[uvicorn.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back = threading.Event()
    monkeypatch.setattr(server, "give_back_the_start", given_back.set)
    server.run(Settings(), None, None)
    frozen = gc.get_freeze_count()
    later: list[list[int]] = [[] for _ in range(1_000)]
    started[0]._started()  # type: ignore[attr-defined]
    assert gc.get_freeze_count() >= frozen + len(later)
    assert await asyncio.to_thread(given_back.wait, 5)


async def test_what_a_crowd_has_left_behind_is_given_back(
    started: list[uvicorn.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back = threading.Event()
    monkeypatch.setattr(server, "give_back_what_is_free", given_back.set)
    server.run(Settings(), None, None)
    one = started[0]
    one.server_state.connections.update(range(CROWD))  # type: ignore[arg-type]
    assert not await one.on_tick(10)
    one.server_state.connections.clear()
    for tick in range(20, 10 * (CALM_LOOKS + 1), 10):
        assert not await one.on_tick(tick)
    assert not given_back.is_set()
    assert not await one.on_tick(10)
    assert await asyncio.to_thread(given_back.wait, 5)
