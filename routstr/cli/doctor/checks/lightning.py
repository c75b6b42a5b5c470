"""The Lightning address that profit is paid to."""

from routstr.cli.doctor.findings import Finding, fault, skipped, warning, well
from routstr.cli.doctor.patient import Patient
from routstr.core.explanation import explain
from routstr.errors import LightningAddressRefused
from routstr.money import Unit
from routstr.payment.lnurl import Lnurl


async def check(patient: Patient) -> list[Finding]:
    """Ask what it takes; no invoice is made."""
    settings = patient.settings
    address = settings.receive_ln_address
    if not address:
        return [skipped("payouts", "RECEIVE_LN_ADDRESS is empty: nothing is paid out by itself")]
    lnurl = Lnurl(patient.outgoing, patient.ports.clock, allow_local=settings.allow_insecure_mints)
    try:
        offer = await lnurl.offer(address)
    except LightningAddressRefused as error:
        return [
            fault(
                f"the Lightning address {address} cannot be paid",
                explain(error),
                "Correct RECEIVE_LN_ADDRESS, or ask whoever runs it.",
            )
        ]
    if offer.most < Unit.SAT.to_msat(settings.min_payout_sat):
        return [
            warning(
                f"{address} takes less than the least payout",
                f"at most {int(offer.most):,} msat, MIN_PAYOUT_SAT is {settings.min_payout_sat:,}",
                "Lower MIN_PAYOUT_SAT, or take another address.",
            )
        ]
    return [well(f"{address} takes payouts")]
