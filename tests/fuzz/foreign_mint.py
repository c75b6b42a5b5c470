"""A mint that nobody chose: with its ecash users pay for another mint's, or so it says."""

from collections.abc import Sequence

from routstr.wallet.mint_types import MeltQuoteState, MeltResult
from routstr.wallet.proofs import PreparedOutput, TokenProof
from tests.fuzz.lightning import Fortune
from tests.fuzz.mint import TalliedMint
from tests.fuzz.records import Ys


class ForeignMint(TalliedMint):
    """``luck`` is how the next payments go; each invoice's is decided at its first attempt."""

    luck = Fortune.PAID

    def lied_about(self, ys: Ys) -> bool:
        """Whether these proofs were taken for a payment that was never made."""
        jobs = (job for job in self.jobs.values() if self.network.is_lied_about(job.quote.request))
        taken = {proof.y() for job in jobs for proof in job.inputs}
        return not ys.isdisjoint(taken)

    def payer_of(self, invoice: str) -> Ys:
        """The proofs that an invoice was to be paid with; none when it was never tried."""
        jobs = (job for job in self.jobs.values() if job.quote.request == invoice)
        return frozenset(proof.y() for job in jobs for proof in job.inputs)

    def has_paid(self, invoice: str) -> bool:
        """Whether it has taken somebody's proofs for an invoice."""
        jobs = (job.quote for job in self.jobs.values() if job.quote.request == invoice)
        return any(quote.state is MeltQuoteState.PAID for quote in jobs)

    def unpaid(self) -> list[str]:
        """Invoices that it was to pay, and did not."""
        tried = [job.quote for job in self.jobs.values() if job.inputs]
        over = [quote.request for quote in tried if quote.state is MeltQuoteState.UNPAID]
        return [request for request in over if not self.network.is_paid(request)]

    def _pay(
        self,
        quote_id: str,
        inputs: Sequence[TokenProof],
        blanks: Sequence[PreparedOutput],
    ) -> MeltResult:
        self.network.destine(self.jobs[quote_id].quote.request, self.luck)
        return super()._pay(quote_id, inputs, blanks)

    def _send(self, invoice: str) -> None:
        lies = self.network.is_lied_about(invoice)
        if not lies and not self.network.is_paid(invoice):  # it may have been, out of the blue
            super()._send(invoice)
