"""A played mint that counts: what it signed for the node, and what of it was spent."""

from collections import Counter
from collections.abc import Sequence

from routstr.money import Unit
from routstr.wallet.mint_types import ProofState
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof
from routstr.wallet.token import Token, expand
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer


class BriefSigner(Signer):
    """Proves one signature in four: the proof is optional (NUT-12) and costs most of the time."""

    _signed = 0

    def sign(
        self, output: PreparedOutput, amount: int | None = None, *, dleq: bool = True
    ) -> BlindSignature:
        self._signed += 1
        return super().sign(output, amount, dleq=dleq and self._signed % 4 == 0)


class TalliedMint(PlayedMint):
    """Every swap is the node's; users get tokens from ``token`` and redeem them with ``spend``."""

    def __init__(self, *signers: Signer, url: str) -> None:
        super().__init__(*signers, url=url)
        self.outstanding: Counter[Unit] = Counter()
        """Signed in swaps and not spent since, whoever has it now."""
        self._by_users: set[bytes] = set()
        self._bought: set[bytes] = set()

    def token(self, *amounts: int, signer: Signer | None = None, dleq: bool = True) -> Token:
        made = super().token(*amounts, signer=signer, dleq=dleq)
        self._bought.update(proof.y() for proof in made.proofs)
        return made

    def redeem(self, proofs: Sequence[TokenProof], unit: Unit) -> bool:
        """A user redeems proofs; false, and nothing happens, when one is spent."""
        ys = [proof.y() for proof in proofs]
        if any(self.is_spent(y) for y in ys):
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
