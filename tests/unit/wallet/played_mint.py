"""A mint in memory with the methods of ``wallet.mint.Mint``: strict with money, odd on demand.

It really signs, and refuses what a mint refuses: spent or forged inputs, outputs signed before,
inactive keysets, sums that do not match. ``mint.next(...)`` queues what happens to the next swaps.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from routstr.money import Unit
from routstr.wallet.keysets import Keyset, KeysetInfo, input_fee
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintCode, MintError, MintRefusal
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mint_types import MintInfo, ProofState, Restored
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof, finish, make_outputs
from routstr.wallet.token import Token
from tests.unit.wallet.signing import Signer, sign

Signatures = tuple[BlindSignature, ...]
Swap = Callable[[], Signatures]
Oddity = Callable[[Swap], Awaitable[Signatures]]


def refuse(code: int | None = None) -> Oddity:
    """Refuse, and change nothing."""
    return fail(MintRefusal(code, "refused as told"))


def fail(error: MintError) -> Oddity:
    """Raise without having done anything."""

    async def oddity(_swap: Swap) -> Signatures:
        raise error

    return oddity


def lose_answer(error: MintError) -> Oddity:
    """Do it, and lose the answer."""

    async def oddity(swap: Swap) -> Signatures:
        swap()
        raise error

    return oddity


class Gate:
    """Holds a swap in the mint's hands: ``await gate.reached.wait()``, then ``gate.open.set()``."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()


def wait_for(gate: Gate, then: Oddity | None = None) -> Oddity:
    """Do it, or what is said, once the gate is open."""

    async def oddity(swap: Swap) -> Signatures:
        gate.reached.set()
        await gate.open.wait()
        return swap() if then is None else await then(swap)

    return oddity


def twist(change: Callable[[Signatures], Signatures]) -> Oddity:
    """Do it, and answer with something else."""

    async def oddity(swap: Swap) -> Signatures:
        return change(swap())

    return oddity


class PlayedMint(Mint):
    """A mint with one active keyset per signer that is active."""

    def __init__(self, *signers: Signer, url: str = "https://mint.example") -> None:
        self.url = url
        self.signers = {signer.id: signer for signer in signers or (Signer(),)}
        self.states: dict[bytes, ProofState] = {}
        self.signed: dict[bytes, BlindSignature] = {}
        self.calls: Counter[str] = Counter()
        self.swaps: list[tuple[Sequence[TokenProof], Sequence[PreparedOutput]]] = []
        self.broken: dict[str, MintError] = {}
        """Methods that fail for now, by name."""
        self.hidden: set[bytes] = set()
        """Signed outputs that restore does not tell."""
        self.can_restore = True
        self.repeats = False
        """Whether an identical swap gets the same answer again (NUT-19)."""
        self.served = MintHealth()
        """How it has served so far, as the node believes."""
        self._oddities: deque[Oddity] = deque()
        self._payers: Counter[str] = Counter()

    @property
    def health(self) -> MintHealth:
        return self.served

    def next(self, *oddities: Oddity) -> None:
        self._oddities.extend(oddities)

    def rotate(self, signer: Signer) -> None:
        """Activate another keyset in place of those of its unit."""
        for old in self.signers.values():
            if old.info.unit == signer.info.unit:
                old.info = replace(old.info, active=False)
        self.signers[signer.id] = signer

    def token(self, *amounts: int, signer: Signer | None = None, dleq: bool = True) -> Token:
        """Ecash that somebody else bought."""
        signer = signer or next(s for s in self.signers.values() if s.info.active)
        first = self._payers[signer.id]
        self._payers[signer.id] += len(amounts)
        outputs = make_outputs(self.url.encode(), signer.id, amounts, first_counter=first)
        signatures = [signer.sign(output, dleq=dleq) for output in outputs]
        proofs = finish(outputs, signatures, signer.keyset)
        unit = Unit(signer.info.unit)
        return Token(self.url, unit, tuple(proof.for_token() for proof in proofs))

    def spend(self, token: Token) -> None:
        """Somebody else redeems these proofs."""
        self.states.update((proof.y(), ProofState.SPENT) for proof in token.proofs)

    @property
    def circulation(self) -> int:
        """How many swaps were carried out."""
        return self.calls["swapped"]

    async def keysets(self, **_: float | None) -> tuple[KeysetInfo, ...]:
        await self._enter("keysets")
        return tuple(signer.info for signer in self.signers.values())

    async def keys(self, info: KeysetInfo, **_: float | None) -> Keyset:
        await self._enter("keys")
        keyset = self.signers[info.id].keyset
        return Keyset(
            info.id,
            info.unit,
            info.active,
            info.input_fee_ppk,
            info.final_expiry,
            keys=keyset.keys,
        )

    async def info(self, **_: float | None) -> MintInfo:
        await self._enter("info")
        nuts = {"7": {"supported": True}, "9": {"supported": self.can_restore}}
        return MintInfo("", "", "", "", nuts)

    async def check_state(self, ys: Sequence[bytes], **_: float | None) -> list[ProofState]:
        await self._enter("check_state")
        return [self.states.get(y, ProofState.UNSPENT) for y in ys]

    async def restore(self, outputs: Sequence[PreparedOutput], **_: float | None) -> list[Restored]:
        await self._enter("restore")
        if not self.can_restore:
            raise MintRefusal(None, "Not Found")
        return [
            Restored(index, self.signed[output.blinded])
            for index, output in enumerate(outputs)
            if output.blinded in self.signed and output.blinded not in self.hidden
        ]

    async def swap(
        self,
        inputs: Sequence[TokenProof],
        outputs: Sequence[PreparedOutput],
        **_: float | None,
    ) -> Signatures:
        await self._enter("swap")
        self.swaps.append((inputs, outputs))

        def swap() -> Signatures:
            if self.repeats and all(output.blinded in self.signed for output in outputs):
                return tuple(self.signed[output.blinded] for output in outputs)
            return self._swap(inputs, outputs)

        if self._oddities:
            return await self._oddities.popleft()(swap)
        return swap()

    async def _enter(self, method: str) -> None:
        self.calls[method] += 1
        await asyncio.sleep(0)
        if method in self.broken:
            raise self.broken[method]

    def _swap(self, inputs: Sequence[TokenProof], outputs: Sequence[PreparedOutput]) -> Signatures:
        ys = [proof.y() for proof in inputs]
        states = {self.states.get(y) for y in ys}
        self._require(ProofState.SPENT not in states, MintCode.PROOFS_SPENT)
        self._require(ProofState.PENDING not in states, MintCode.PROOFS_PENDING)
        self._require(len(set(ys)) == len(ys), MintCode.DUPLICATE_INPUTS)
        self._require(all(map(self._is_ours, inputs)), MintCode.PROOFS_INVALID)
        known = not any(output.blinded in self.signed for output in outputs)
        self._require(known, MintCode.OUTPUTS_SIGNED)
        self._require(all(self._is_active(o) for o in outputs), MintCode.KEYSET_INACTIVE)
        fee = input_fee(self.signers[proof.keyset_id].info.input_fee_ppk for proof in inputs)
        taken = sum(proof.amount for proof in inputs) - fee
        self._require(taken == sum(o.amount for o in outputs), MintCode.UNBALANCED)
        self.states.update((y, ProofState.SPENT) for y in ys)
        signatures = tuple(self.signers[o.keyset_id].sign(o) for o in outputs)
        self.signed.update(
            (output.blinded, signature)
            for output, signature in zip(outputs, signatures, strict=True)
        )
        self.calls["swapped"] += 1
        return signatures

    def _is_ours(self, proof: TokenProof) -> bool:
        signer = self.signers.get(proof.keyset_id)
        private = signer.private.get(proof.amount) if signer else None
        return private is not None and sign(private, proof.y()) == proof.c

    def _is_active(self, output: PreparedOutput) -> bool:
        signer = self.signers.get(output.keyset_id)
        return signer is not None and signer.info.active

    @staticmethod
    def _require(holds: bool, code: MintCode) -> None:
        if not holds:
            raise MintRefusal(code, code.name.lower())
