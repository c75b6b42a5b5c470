"""The clock, against what mints, providers and others say in their answers."""

from statistics import median
from typing import Final

from routstr.cli.doctor.findings import Finding, fault, skipped, well
from routstr.cli.doctor.patient import Patient

AHEAD_S_MAX: Final = 60
"""Invoices, limits of keys and certificates go by the clock; answers tell whole seconds."""


def check(patient: Patient) -> list[Finding]:
    """Judge by the middle of what was heard: one wrong clock elsewhere is not ours."""
    if not patient.times:
        return [skipped("the clock", "nobody who was asked told the time")]
    ahead = median(told.ahead_s for told in patient.times)
    heard = f"{len({told.host for told in patient.times})} other machines"
    if abs(ahead) <= AHEAD_S_MAX:
        return [well(f"the clock agrees with {heard} to {abs(ahead):.0f} s")]
    way = "slow" if ahead > 0 else "fast"
    return [
        fault(
            f"the clock is {_span(abs(ahead))} {way}",
            f"so say {heard}: this machine's time is not kept",
            "Switch time synchronisation on: timedatectl set-ntp true, or chrony.",
        )
    ]


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
