"""Two played mints, one of which pays the invoices of the other."""

from collections.abc import Sequence
from typing import Any

from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.signing import Signer


class Source(PayingMint):
    """Pays the invoices of another played mint, so that these are paid indeed."""

    def __init__(self, target: InvoiceMint, **named: Any) -> None:
        super().__init__(Signer(fee=100), Signer(unit="msat"), **named)
        self.target = target

    def _finish(self, job: Any) -> Sequence[Any]:  # type: ignore[override]
        change = super()._finish(job)
        for ordered in self.target.ordered.values():
            if ordered.request == job.quote.request:
                self.target.pay(ordered.id)
        return change
