"""The port: free, or taken by the node itself."""

import asyncio
import errno
import socket
from http import HTTPStatus
from typing import Final

import aiohttp

from routstr.cli.doctor.findings import Finding, fault, well
from routstr.cli.doctor.patient import Patient

TIMEOUT_SECONDS: Final = 5.0


async def check(patient: Patient) -> list[Finding]:
    """Try to listen there, for a moment."""
    host, port = patient.settings.host, patient.settings.port
    if port == 0:
        return [well("the system chooses the port")]
    problem = await asyncio.to_thread(_bind, host, port)
    if problem is None:
        return [well(f"port {port} on {host} is free")]
    if problem.errno == errno.EADDRINUSE:
        return [await _who(patient, host, port)]
    remedy = "Ports below 1024 belong to root: take 8000 and put a proxy in front."
    if problem.errno != errno.EACCES:
        remedy = "HOST is an address of this machine: 127.0.0.1 behind a proxy, 0.0.0.0 for all."
    cause = problem.strerror or str(problem)
    return [fault(f"the node cannot listen on {host}:{port}", cause, remedy)]


def _bind(host: str, port: int) -> OSError | None:
    try:
        family, kind, number, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, number) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            trial.listen(1)
    except OSError as error:
        return error
    return None


async def _who(patient: Patient, host: str, port: int) -> Finding:
    """A node, or something else."""
    reachable = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - not bound to
    name = f"[{reachable}]" if ":" in reachable else reachable
    try:
        async with patient.upstream.own.get(
            f"http://{name}:{port}/v1/info",
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        ) as answer:
            runs = answer.status == HTTPStatus.OK and "cashu" in (await answer.text()).lower()
    except (aiohttp.ClientError, OSError, ValueError):
        runs = False
    if runs:
        return well(f"a node serves on {host}:{port}")
    return fault(
        f"port {port} on {host} is taken",
        "another program listens there",
        f"Stop it (ss -ltnp 'sport = :{port}' names it), or set PORT.",
    )
