"""One examination: storage first, then everything outside at once, then the clock."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from routstr.assembly.plugins import NOTHING_MORE, Extensions, open_extensions
from routstr.cli.doctor.checks import clock, database, secret_key
from routstr.cli.doctor.findings import Finding, State, fault, well
from routstr.cli.doctor.patient import Patient, Ports, opened
from routstr.cli.doctor.registry import CHECKS, Check
from routstr.core.explanation import explain
from routstr.core.plugins import PluginError
from routstr.core.settings import Settings

CHECK_SECONDS_MAX: Final = 60.0
"""Of one check outside; those with ``--mints`` may take as long as there are proofs."""


class Examined(Struct, frozen=True):
    """A finding, and the check that it is of."""

    check: str
    finding: Finding

    @property
    def is_fault(self) -> bool:
        """Whether the node does not work like this."""
        return self.finding.state is State.FAULT


async def examine(
    settings: Settings,
    ports: Ports,
    *,
    ask_mints: bool = False,
    checks: Sequence[Check] = CHECKS,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Examined]:
    """Look at everything; ``tell`` is told what is being looked at."""
    tell("settings, database, key")
    extensions, found = _extensions(settings)
    stored = await asyncio.to_thread(database.check, settings, ports)
    with_database = database.usable(stored, settings)
    keys, key = await asyncio.to_thread(secret_key.check, settings, with_database=with_database)
    told = [
        *(Examined("settings", one) for one in found),
        *(Examined("database", one) for one in stored),
        Examined("secret key", keys),
    ]
    async with opened(
        settings, ports, extensions, key, with_database=with_database, ask_mints=ask_mints
    ) as patient:
        tell(", ".join(check.name for check in checks))
        looks = await asyncio.gather(*(_look(check, patient) for check in checks))
        told += [one for look in looks for one in look]
        told += [Examined("clock", one) for one in clock.check(patient)]
    return told


def _extensions(settings: Settings) -> tuple[Extensions, list[Finding]]:
    try:
        return open_extensions(settings), [well("the settings fit")]
    except PluginError as error:
        remedy = "Install the package, or take it out of PLUGINS."
        return NOTHING_MORE, [fault("a package cannot be loaded", explain(error), remedy)]


async def _look(check: Check, patient: Patient) -> list[Examined]:
    try:
        limit = None if patient.ask_mints else CHECK_SECONDS_MAX
        async with asyncio.timeout(limit):
            found = await check.look(patient)
    except TimeoutError:
        cause = f"no answer within {CHECK_SECONDS_MAX:.0f} s"
        remedy = "Look at this machine's way to the internet, and run it again."
        found = [fault(f"{check.name} could not be looked at", cause, remedy)]
    return [Examined(check.name, one) for one in found]
