"""The checks that look outside, in the order in which they are told. One line for each module."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from routstr.cli.doctor.checks import (
    address,
    lightning,
    mints,
    port,
    prices,
    relays,
    tor,
    upstreams,
)
from routstr.cli.doctor.findings import Finding
from routstr.cli.doctor.patient import Patient


class Check(NamedTuple):
    """``look`` is told the patient and returns what it found; it changes nothing."""

    name: str
    look: Callable[[Patient], Awaitable[list[Finding]]]


CHECKS: Final = (
    Check("mints", mints.check),
    Check("providers", upstreams.check),
    Check("price", prices.check),
    Check("address", address.check),
    Check("payouts", lightning.check),
    Check("port", port.check),
    Check("relays", relays.check),
    Check("tor", tor.check),
)
