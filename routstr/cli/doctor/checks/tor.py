"""Tor, where something is reached through it."""

import asyncio
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from routstr.cli.doctor.findings import Finding, fault, skipped, well
from routstr.cli.doctor.patient import Patient
from routstr.core.explanation import explain
from routstr.core.settings import Settings
from routstr.core.tor import is_onion

LIMIT_SECONDS: Final = 5.0
_HELLO: Final = b"\x05\x01\x00"  # SOCKS 5, without a password (RFC 1928)
_WELCOME: Final = b"\x05\x00"


async def check(patient: Patient) -> list[Finding]:
    """Greet its SOCKS port, when it is needed."""
    settings = patient.settings
    wanted = sorted({*_onions(settings)}) or (["TOR_ALL"] if settings.tor_all else [])
    if not wanted:
        return [skipped("Tor", "nothing is reached through it")]
    if not settings.tor_proxy_url:
        cause = f"{wanted[0]} is reached through Tor only, and TOR_PROXY_URL is empty"
        return [fault("Tor is not set up", cause, "Set TOR_PROXY_URL to Tor's SOCKS port.")]
    place = urlsplit(settings.tor_proxy_url)
    problem = await _greet(place.hostname or "", place.port or 0)
    if problem:
        what = f"Tor does not answer at {settings.tor_proxy_url}"
        remedy = "Start Tor (systemctl start tor), or correct TOR_PROXY_URL."
        return [fault(what, f"{problem}; {wanted[0]} needs it", remedy)]
    return [well(f"Tor answers at {settings.tor_proxy_url}")]


def _onions(settings: Settings) -> Iterator[str]:
    urls = (*settings.cashu_mints, *settings.swap_mints, *settings.relays)
    for url in (*urls, settings.upstream_base_url):
        if is_onion(urlsplit(url).hostname or ""):
            yield url


async def _greet(host: str, port: int) -> str:
    """Why it is no SOCKS proxy; empty when it is one."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_HELLO)
                welcome = await reader.readexactly(len(_WELCOME))
            finally:
                writer.close()
    except TimeoutError:
        return f"no answer within {LIMIT_SECONDS:.0f} s"
    except (OSError, EOFError) as error:
        return explain(error)
    return "" if welcome == _WELCOME else "what listens there is no SOCKS proxy"
