"""Tor's SOCKS port, greeted when it is needed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from routstr.cli.doctor.checks import tor
from routstr.cli.doctor.findings import Finding, State
from routstr.core.settings import Settings

ONION = "http://" + "a" * 56 + ".onion"


async def look(**settings: Any) -> Finding:
    patient: Any = SimpleNamespace(settings=Settings.model_validate(settings))
    (found,) = await tor.check(patient)
    return found


@asynccontextmanager
async def listening(answer: bytes) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socks5://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_where_nothing_needs_it_it_is_not_asked() -> None:
    assert (await look(tor_proxy_url="socks5://127.0.0.1:9")).state is State.SKIPPED


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"\x05\x00", State.WELL),
        (b"\x05\xff", State.FAULT),
        (b"HTTP", State.FAULT),
        (b"", State.FAULT),
    ],
)
async def test_a_socks_port_is_known_by_its_welcome(answer: bytes, state: State) -> None:
    async with listening(answer) as url:
        assert (await look(cashu_mints=ONION, tor_proxy_url=url)).state is state


async def test_without_a_proxy_onions_cannot_be_reached() -> None:
    found = await look(upstream_base_url=ONION, tor_proxy_url="")
    assert (found.state, ONION in found.cause) == (State.FAULT, True)
