"""The mints: answering, with the units and abilities that the node needs; and, if asked, proofs."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from routstr.admin.setup.mint_check import NEEDED, MintCheck, MintReport, MintUnfit
from routstr.assembly.wallet import open_mints
from routstr.cli.doctor.findings import Finding, fault, skipped, warning, well
from routstr.cli.doctor.patient import Patient
from routstr.payment.mint_audit import Answered, ask_mints

_UNFIT: Final[Mapping[str, tuple[str, str]]] = {
    "address": ("its address must not be asked", "Correct it in CASHU_MINTS."),
    "away": (
        "it cannot be reached from here",
        "Open its address in a browser; if it is gone for good, take it out of CASHU_MINTS.",
    ),
    "busy": ("it answers that it is asked too often", "Wait a little; lower MINT_MAX_CONCURRENCY."),
    "refused": ("it refuses to say what it is", "Ask its operator, or take another mint."),
    "odd": (
        "what answers there does not speak as a mint does",
        "Correct the address in CASHU_MINTS: it ends before /v1.",
    ),
}
_NUTS: Final[Mapping[str, str]] = {name: f"NUT-{nut:02}" for nut, name in NEEDED.items()}


async def check(patient: Patient) -> list[Finding]:
    """Ask each of them."""
    settings = patient.settings
    if not settings.cashu_mints:
        return [
            fault(
                "no mint is listed",
                "CASHU_MINTS is empty: nobody can pay with ecash or over Lightning",
                "Set CASHU_MINTS to one or more mints that you trust.",
            )
        ]
    asking = MintCheck(
        patient.outgoing, patient.ports.clock, allow_insecure=settings.allow_insecure_mints
    )
    told = await asyncio.gather(*(_look(asking, url) for url in settings.cashu_mints))
    found = [one for findings in told for one in findings]
    return [*found, *await _proofs(patient)] if patient.ask_mints else found


async def _look(asking: MintCheck, url: str) -> list[Finding]:
    try:
        report = await asking.look(url)
    except MintUnfit as unfit:
        cause, remedy = _UNFIT[unfit.reason]
        detail = f" ({unfit.detail})" if unfit.detail else ""
        return [fault(f"mint {url} cannot be used", f"{cause}{detail}", remedy)]
    return list(_judged(url, report))


def _judged(url: str, report: MintReport) -> Iterator[Finding]:
    if not report.units:
        yield fault(
            f"mint {url} has no keyset of the node's units",
            "none of its active keysets is in sat or msat",
            "Take it out of CASHU_MINTS: its tokens cannot be taken.",
        )
        return
    if report.missing:
        nuts = ", ".join(_NUTS[name] for name in report.missing)
        yield fault(
            f"mint {url} cannot do what the node needs",
            f"it does not support {nuts}",
            "Take another mint, or ask its operator for a newer version.",
        )
        return
    units = ", ".join(f"{one.unit} (fee {one.fee_ppk} ppk)" for one in report.units)
    yield well(f"mint {url} answers, with {units}")
    if not any(one.lightning_in for one in report.units):
        yield warning(
            f"mint {url} makes no Lightning invoices",
            "minting is switched off there",
            "List another mint as well, or live without deposits over Lightning.",
        )
    if not any(one.lightning_out for one in report.units):
        yield warning(
            f"mint {url} pays no Lightning invoices",
            "melting is switched off there",
            "Expect neither payouts nor Lightning refunds out of it.",
        )


async def _proofs(patient: Patient) -> list[Finding]:
    """Compare the proofs in the books with what the mints say of them."""
    if patient.db is None:
        return [skipped("the ecash at the mints", "the database cannot be read")]
    mints = open_mints(patient.settings, patient.db, patient.outgoing, patient.ports.clock)
    return [_compared(answered) async for answered in ask_mints(patient.db, mints)]


def _compared(answered: Answered) -> Finding:
    where = f"{answered.mint} ({answered.unit})"
    if answered.problem:
        return warning(
            f"the ecash at {where} was not compared to the end",
            answered.problem,
            "Run routstr doctor --mints again when the mint answers.",
        )
    if answered.spent:
        return fault(
            f"{answered.spent:,} {answered.unit} at {where} count as yours and are spent",
            "somebody else has the same wallet, or an old backup was put back",
            "Run one node for one seed. A running node books it; see routstr verify --mints.",
        )
    return well(f"{answered.ours:,} {answered.unit} at {where} are there")
