"""The price of bitcoin: fixed by the operator, or read from enough sources that agree."""

from routstr.cli import selling
from routstr.cli.doctor.findings import Finding, fault, warning, well
from routstr.cli.doctor.patient import Patient


async def check(patient: Patient) -> list[Finding]:
    """Ask all sources once, as a node does at its start."""
    settings, ports = patient.settings, patient.ports
    if settings.btc_usd is not None:
        return [well(f"the price of bitcoin is fixed at {settings.btc_usd} USD")]
    told = await selling.read_price(settings, patient.outgoing, ports.clock, ports.sources)
    failed = "; ".join(f"{name}: {why}" for name, why in told.failures.items())
    if told.price is None:
        quotes = ", ".join(f"{name} {price}" for name, price in told.quotes.items())
        cause = "; ".join(filter(None, (failed, f"heard: {quotes}" if quotes else "")))
        return [
            fault(
                "no fresh price of bitcoin: paid requests get 503",
                f"{told.verdict.value} ({cause})",
                "Let this machine reach the price sources over HTTPS, or fix the price with "
                "BTC_USD.",
            )
        ]
    found = f"bitcoin is at {told.price} USD, say {len(told.quotes)} sources"
    if told.failures:
        return [warning(found, failed, "Nothing to do while two sources agree.")]
    return [well(found)]
