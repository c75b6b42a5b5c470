"""The public address: over HTTPS, and leading to this node."""

from http import HTTPStatus
from typing import Final

import aiohttp

from routstr.cli.doctor.findings import Finding, fault, skipped, warning, well
from routstr.cli.doctor.patient import Patient
from routstr.core.addresses import is_loopback, literal_address, split_http_url
from routstr.core.explanation import explain

TIMEOUT_SECONDS: Final = 10.0
_PATH: Final = "/v1/info"


async def check(patient: Patient) -> list[Finding]:
    """Look at HTTP_URL as a client would."""
    url = patient.settings.http_url
    if not url:
        return [skipped("the public address", "HTTP_URL is empty: clients are not told any")]
    if problem := _unsafe(url):
        return [problem]
    return [await _reached(patient, url)]


def _unsafe(url: str) -> Finding | None:
    parts = split_http_url(url)
    host = parts.hostname or ""
    literal = literal_address(host)
    local = host == "localhost" or (literal is not None and is_loopback(literal))
    if parts.scheme == "https" or local or host.endswith(".onion"):
        return None
    return fault(
        f"HTTP_URL {url} is without TLS",
        "keys and tokens would cross the network readable for everybody on the way",
        "Put a proxy with a certificate in front (Caddy, nginx) and set HTTP_URL to https://.",
    )


async def _reached(patient: Patient, url: str) -> Finding:
    try:
        async with patient.upstream.own.get(
            f"{url.rstrip('/')}{_PATH}",
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        ) as answer:
            status = answer.status
    except aiohttp.ClientConnectorCertificateError as error:
        return fault(
            f"the certificate of {url} is not valid",
            explain(error),
            "Renew it, or let the proxy get one by itself (Caddy does).",
        )
    except (aiohttp.ClientError, OSError) as error:
        return warning(
            f"{url} does not answer from here",
            explain(error) or type(error).__name__,
            "Start the node; look at the name's DNS record, the proxy and the firewall.",
        )
    if status != HTTPStatus.OK:
        return fault(
            f"{url} does not lead to a node",
            f"GET {_PATH} gives {status}",
            "Let the proxy pass everything on to HOST and PORT.",
        )
    return well(f"{url} answers")
