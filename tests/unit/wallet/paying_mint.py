"""A played mint that pays Lightning invoices: strict with money, and odd on demand (NUT-05, 08).

``mint.outcome`` is how payments end; ``mint.settle(id)`` and ``mint.give_up(id)`` end a pending
one. ``mint.next_melts(...)`` queues what happens to the next calls, as ``PlayedMint.next`` does.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from devkit.invoices import make_invoice
from routstr.money import Unit
from routstr.wallet.bolt11 import decode
from routstr.wallet.keysets import input_fee
from routstr.wallet.melting import Melt
from routstr.wallet.mint_errors import MintCode, MintError, MintRefusal
from routstr.wallet.mint_types import (
    MeltQuote,
    MeltQuoteState,
    MeltResult,
    MintInfo,
    ProofState,
)
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof
from routstr.wallet.sagas import Saga
from tests.unit.wallet.played_mint import Gate, PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import ACCOUNT, PURPOSE, House, World

Pay = Callable[[], MeltResult]
Oddity = Callable[[Pay], Awaitable[MeltResult]]


def invoice(amount: int, unit: Unit = Unit.SAT) -> str:
    return make_invoice(amount * unit.msat)


def fail(error: MintError) -> Oddity:
    """Raise without having done anything."""

    async def oddity(_pay: Pay) -> MeltResult:
        raise error

    return oddity


def lose_answer(error: MintError) -> Oddity:
    """Do it, and lose the answer."""

    async def oddity(pay: Pay) -> MeltResult:
        pay()
        raise error

    return oddity


def twist(change: Callable[[MeltResult], MeltResult]) -> Oddity:
    """Do it, and answer with something else."""

    async def oddity(pay: Pay) -> MeltResult:
        return change(pay())

    return oddity


def wait_for(gate: Gate) -> Oddity:
    """Do it once the gate is open."""

    async def oddity(pay: Pay) -> MeltResult:
        gate.reached.set()
        await gate.open.wait()
        return pay()

    return oddity


@dataclass
class _Job:
    quote: MeltQuote
    inputs: Sequence[TokenProof] = ()
    blanks: Sequence[PreparedOutput] = ()


class PayingMint(PlayedMint):
    """Its fee reserve is 2 and a hundredth; ``cost`` is what a payment really costs."""

    def __init__(self, *signers: Signer, url: str = "https://mint.example") -> None:
        super().__init__(*signers, url=url)
        self.outcome: Literal["paid", "pending", "failed"] = "paid"
        self.cost = 1
        self.extra = 0
        """How much more than the invoice's amount it quotes."""
        self.nuts: dict[str, Any] = {
            "5": {"methods": [{"method": "bolt11", "unit": unit} for unit in ("sat", "msat")]},
            **{nut: {"supported": True} for nut in ("7", "8", "9")},
        }
        self.paid: list[str] = []
        """Every invoice that was paid, as often as it was."""
        self.jobs: dict[str, _Job] = {}
        self._melts: deque[Oddity] = deque()

    def next_melts(self, *oddities: Oddity) -> None:
        self._melts.extend(oddities)

    async def info(self, **_: float | None) -> MintInfo:
        await self._enter("info")
        return MintInfo("", "", "", "", self.nuts)

    async def melt_quote(self, invoice: str, unit: Unit, **_: float | None) -> MeltQuote:
        await self._enter("melt_quote")
        amount = -(-int(decode(invoice).amount or 0) // unit.msat) + self.extra
        reserve = 2 + amount // 100
        name = f"quote-{len(self.jobs)}"
        quote = MeltQuote(name, invoice, amount, unit, reserve, MeltQuoteState.UNPAID, None, None)
        self.jobs[name] = _Job(quote)
        return quote

    async def melt_quote_state(self, quote_id: str, **_: float | None) -> MeltQuote:
        await self._enter("melt_quote_state")
        return self.jobs[quote_id].quote

    async def melt(
        self,
        quote_id: str,
        inputs: Sequence[TokenProof],
        blanks: Sequence[PreparedOutput] = (),
        **_: float | None,
    ) -> MeltResult:
        await self._enter("melt")

        def pay() -> MeltResult:
            return self._pay(quote_id, inputs, blanks)

        if self._melts:
            return await self._melts.popleft()(pay)
        return pay()

    def settle(self, quote_id: str) -> None:
        """End a pending payment well."""
        self._finish(self.jobs[quote_id])

    def give_up(self, quote_id: str) -> None:
        """End a pending payment badly."""
        job = self.jobs[quote_id]
        self._mark(job, MeltQuoteState.UNPAID, ProofState.UNSPENT)

    def _pay(
        self, quote_id: str, inputs: Sequence[TokenProof], blanks: Sequence[PreparedOutput]
    ) -> MeltResult:
        job = self.jobs[quote_id]
        quote = job.quote
        self._require(quote.state is not MeltQuoteState.PAID, MintCode.INVOICE_PAID)
        self._require(quote.state is MeltQuoteState.UNPAID, MintCode.QUOTE_PENDING)
        states = {self.states.get(proof.y()) for proof in inputs}
        self._require(ProofState.SPENT not in states, MintCode.PROOFS_SPENT)
        self._require(ProofState.PENDING not in states, MintCode.PROOFS_PENDING)
        self._require(all(map(self._is_ours, inputs)), MintCode.PROOFS_INVALID)
        known = not any(blank.blinded in self.signed for blank in blanks)
        self._require(known, MintCode.OUTPUTS_SIGNED)
        self._require(all(self._is_active(blank) for blank in blanks), MintCode.KEYSET_INACTIVE)
        needed = quote.amount + quote.fee_reserve
        self._require(self._worth(inputs) >= needed, MintCode.UNBALANCED)
        job.inputs, job.blanks = inputs, blanks
        if self.outcome == "failed":
            raise MintRefusal(MintCode.PAYMENT_FAILED, "no route")
        if self.outcome == "pending":
            self._mark(job, MeltQuoteState.PENDING, ProofState.PENDING)
            return MeltResult(MeltQuoteState.PENDING, None, ())
        return MeltResult(MeltQuoteState.PAID, "00" * 32, self._finish(job))

    def _finish(self, job: _Job) -> tuple[BlindSignature, ...]:
        self.paid.append(job.quote.request)
        self._mark(job, MeltQuoteState.PAID, ProofState.SPENT)
        back = self._worth(job.inputs) - job.quote.amount - self.cost
        powers = [1 << place for place in reversed(range(back.bit_length())) if back >> place & 1]
        change = []
        for blank, amount in zip(job.blanks, powers, strict=False):
            signer = self.signers[blank.keyset_id]
            signature = signer.sign(replace(blank, amount=amount))
            self.signed[blank.blinded] = signature
            change.append(signature)
        return tuple(change)

    def _mark(self, job: _Job, quote: MeltQuoteState, inputs: ProofState) -> None:
        job.quote = replace(job.quote, state=quote)
        self.states.update((proof.y(), inputs) for proof in job.inputs)

    def _worth(self, inputs: Sequence[TokenProof]) -> int:
        fee = input_fee(self.signers[proof.keyset_id].info.input_fee_ppk for proof in inputs)
        return sum(proof.amount for proof in inputs) - fee


def mint_of(world: World) -> PayingMint:
    assert isinstance(world.mint, PayingMint)
    return world.mint


async def melt(house: House, amount: int, limit: int = 1_000, **more: Any) -> Saga:
    wish = Melt(house.mints.urls[0], Unit.SAT, invoice(amount), limit, PURPOSE, ACCOUNT, {})
    return await house.wallet.melt(replace(wish, **more))
