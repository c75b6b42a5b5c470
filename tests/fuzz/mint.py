"""A played mint that counts: what it signed for the node, and what of it was spent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from devkit.invoices import make_invoice
from routstr.money import Unit
from routstr.wallet.mint_errors import MintCode
from routstr.wallet.mint_types import (
    MeltResult,
    MintInfo,
    MintQuote,
    MintQuoteState,
    ProofState,
)
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof
from routstr.wallet.token import Token, expand
from tests.fuzz.lightning import Network
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.signing import Signer


class BriefSigner(Signer):
    """Proves one signature in four: the proof is optional (NUT-12) and costs most of the time."""

    _signed = 0

    def sign(
        self, output: PreparedOutput, amount: int | None = None, *, dleq: bool = True
    ) -> BlindSignature:
        self._signed += 1
        return super().sign(output, amount, dleq=dleq and self._signed % 4 == 0)


class TalliedMint(PayingMint):
    """Every call is the node's; users get tokens from ``token`` and redeem them with ``redeem``.

    Invoices are paid in one network, to and from each mint.
    """

    def __init__(self, *signers: Signer, url: str, network: Network) -> None:
        super().__init__(*signers, url=url)
        units = sorted({signer.info.unit for signer in self.signers.values()})
        methods = {"methods": [{"method": "bolt11", "unit": unit} for unit in units]}
        self.nuts = {**self.nuts, "4": methods, "5": methods}
        self.orders: dict[str, MintQuote] = {}
        self.network = network
        self.outstanding: Counter[Unit] = Counter()
        """Signed in swaps and not spent since, whoever has it now."""
        self._by_users: set[bytes] = set()
        self._bought: set[bytes] = set()

    def token(self, *amounts: int, signer: Signer | None = None, dleq: bool = True) -> Token:
        made = super().token(*amounts, signer=signer, dleq=dleq)
        self._bought.update(proof.y() for proof in made.proofs)
        return made

    async def info(self, **_: float | None) -> MintInfo:
        await self._enter("info")
        return MintInfo("", "", "", "", self.nuts)

    async def mint_quote(
        self, amount: int, unit: Unit, *, lock: str = "", **_: float | None
    ) -> MintQuote:
        await self._enter("mint_quote")
        name, request = f"order-{len(self.orders)}", make_invoice(amount * unit.msat)
        quote = MintQuote(name, request, amount, unit, MintQuoteState.UNPAID, None)
        self.orders[name] = quote
        self.network.on_paid(request, lambda: self._arrived(name))
        return quote

    async def mint_quote_state(self, quote_id: str, **_: float | None) -> MintQuote:
        await self._enter("mint_quote_state")
        return self.orders[quote_id]

    async def mint(
        self,
        quote_id: str,
        outputs: Sequence[PreparedOutput],
        *,
        signature: str = "",
        **_: float | None,
    ) -> tuple[BlindSignature, ...]:
        await self._enter("mint")
        quote = self.orders[quote_id]
        self._require(quote.state is not MintQuoteState.ISSUED, MintCode.QUOTE_ISSUED)
        self._require(quote.state is MintQuoteState.PAID, MintCode.QUOTE_UNPAID)
        self._require(all(map(self._is_active, outputs)), MintCode.KEYSET_INACTIVE)
        known = any(output.blinded in self.signed for output in outputs)
        self._require(not known, MintCode.OUTPUTS_SIGNED)
        self._require(sum(o.amount for o in outputs) == quote.amount, MintCode.UNBALANCED)
        self.orders[quote_id] = replace(quote, state=MintQuoteState.ISSUED)
        self.outstanding[Unit(quote.unit)] += quote.amount
        signatures = tuple(self.signers[o.keyset_id].sign(o) for o in outputs)
        self.signed.update(zip((o.blinded for o in outputs), signatures, strict=True))
        return signatures

    def end_payments(self) -> None:
        """What hangs is paid, or not, as its invoice is fated to end."""
        for name in [name for name, job in self.jobs.items() if job.quote.state == "PENDING"]:
            if self.network.ends_well(self.jobs[name].quote.request):
                self.settle(name)
            else:
                self.give_up(name)

    def _arrived(self, name: str) -> None:
        self.orders[name] = replace(self.orders[name], state=MintQuoteState.PAID)

    def _pay(
        self,
        quote_id: str,
        inputs: Sequence[TokenProof],
        blanks: Sequence[PreparedOutput],
    ) -> MeltResult:
        self.outcome = self.network.outcome(self.jobs[quote_id].quote.request)
        return super()._pay(quote_id, inputs, blanks)

    def _finish(self, job: Any) -> tuple[BlindSignature, ...]:
        self._send(job.quote.request)
        change = super()._finish(job)
        unit = Unit(job.quote.unit)
        self.outstanding[unit] += sum(signature.amount for signature in change)
        self._count_spent(job.inputs, [proof.y() for proof in job.inputs], unit)
        return change

    def _send(self, invoice: str) -> None:
        self.network.pay(invoice)

    def redeem(self, proofs: Sequence[TokenProof], unit: Unit) -> bool:
        """A user redeems proofs; false, and nothing happens, when one is spent or pays already."""
        ys = [proof.y() for proof in proofs]
        if any(self.states.get(y, ProofState.UNSPENT) is not ProofState.UNSPENT for y in ys):
            return False
        self.states.update((y, ProofState.SPENT) for y in ys)
        self._by_users.update(ys)
        self._count_spent(proofs, ys, unit)
        return True

    def is_spent(self, y: bytes) -> bool:
        return self.states.get(y) is ProofState.SPENT

    def spent_by_user(self, y: bytes) -> bool:
        return y in self._by_users

    def spent_by_node(self, y: bytes) -> bool:
        return self.is_spent(y) and y not in self._by_users

    def full(self, given: Token) -> Sequence[TokenProof]:
        """A token's proofs with the whole ids of their keysets."""
        return expand(given, self.signers).proofs

    def is_good(self, proof: TokenProof) -> bool:
        """Whether the mint would take it."""
        return self._is_ours(proof) and not self.is_spent(proof.y())

    def _swap(
        self, inputs: Sequence[TokenProof], outputs: Sequence[PreparedOutput]
    ) -> tuple[BlindSignature, ...]:
        signatures = super()._swap(inputs, outputs)
        self.swaps.clear()
        unit = Unit(self.signers[inputs[0].keyset_id].info.unit)
        self.outstanding[unit] += sum(signature.amount for signature in signatures)
        self._count_spent(inputs, [proof.y() for proof in inputs], unit)
        return signatures

    def _count_spent(self, proofs: Sequence[TokenProof], ys: Sequence[bytes], unit: Unit) -> None:
        self.outstanding[unit] -= sum(
            proof.amount for proof, y in zip(proofs, ys, strict=True) if y not in self._bought
        )
