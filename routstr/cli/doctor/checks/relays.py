"""The relays at which the node is announced, as soon as it has a key on Nostr."""

import asyncio
from typing import Final

from routstr.cli.doctor.findings import Finding, fault, skipped, warning, well
from routstr.cli.doctor.patient import Patient
from routstr.core.explanation import explain
from routstr.core.node_key import SealBroken
from routstr.discovery.events import Filter
from routstr.discovery.identity import InvalidKey
from routstr.discovery.keyring import Keyring
from routstr.discovery.relay import Relay, RelayFailed

LIMIT_SECONDS: Final = 10.0
ANNOUNCEMENT: Final = 38_421


async def check(patient: Patient) -> list[Finding]:
    """Ask each of them for one announcement of anybody's."""
    settings = patient.settings
    if not settings.relays or patient.db is None or patient.key is None:
        return [skipped("the relays", "there are none, or the database cannot be read")]
    keyring = Keyring(patient.db, patient.key, patient.ports.clock, settings.nsec)
    try:
        identity = await keyring.identity()
    except (InvalidKey, SealBroken) as error:
        remedy = "Give the key again: NSEC, or the page /admin/nostr."
        return [fault("the key on Nostr cannot be used", explain(error), remedy)]
    if identity is None:
        return [skipped("the relays", "the node has no key on Nostr: it is not announced")]
    return await judged(patient, settings.relays)


async def judged(patient: Patient, urls: tuple[str, ...]) -> list[Finding]:
    """Ask these relays; that some are away is usual, that all are is a fault."""
    told = await asyncio.gather(*(_ask(patient, url) for url in urls))
    found = [well(f"relay {url} answers") for url, problem in told if not problem]
    make = warning if found else fault
    remedy = "Look at its address in RELAYS, or take another relay."
    return [
        *found,
        *(make(f"relay {url} does not serve", problem, remedy) for url, problem in told if problem),
    ]


async def _ask(patient: Patient, url: str) -> tuple[str, str]:
    try:
        relay = Relay(url, patient.outgoing)
        await relay.query([Filter(kinds=(ANNOUNCEMENT,), limit=1)], LIMIT_SECONDS)
    except RelayFailed as error:
        return url, explain(error)
    return url, ""
