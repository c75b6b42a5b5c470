"""Proofs and the outputs that become proofs (NUT-00, NUT-12). Pure, and heavy on the CPU.

``make_outputs`` -> a mint signs -> ``finish``: from counters to proofs that can be spent. Both cost
about 0.1 ms per output; callers run them in a thread. Nothing here prints a secret.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from routstr.errors import InvalidToken
from routstr.wallet.crypto import (
    CurveError,
    blind,
    hash_to_curve,
    unblind,
    verify_dleq_proof,
    verify_dleq_signature,
)
from routstr.wallet.keysets import Keyset, UnknownKeyset
from routstr.wallet.mint_errors import BadSignature
from routstr.wallet.secrets import derivation


@dataclass(frozen=True, slots=True)
class Dleq:
    """A mint's proof that it signed with the key it published: two scalars."""

    e: bytes
    s: bytes


@dataclass(frozen=True, slots=True)
class ProofDleq:
    """The same proof inside a token, with the blinding factor that makes it checkable."""

    e: bytes = field(repr=False)
    s: bytes = field(repr=False)
    r: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenProof:
    """A proof as tokens and mints know it. ``keyset_id`` may be short while it is in a token."""

    amount: int
    keyset_id: str
    secret: str = field(repr=False)
    c: bytes = field(repr=False)
    dleq: ProofDleq | None = field(default=None, repr=False)

    def y(self) -> bytes:
        """The point by which mints and this node identify the proof (NUT-07)."""
        return hash_to_curve(self.secret.encode())


@dataclass(frozen=True, slots=True)
class PreparedOutput:
    """A blinded message before it is signed. Amount 0 leaves the amount to the mint (NUT-08)."""

    amount: int
    keyset_id: str
    counter: int
    secret: str = field(repr=False)
    r: bytes = field(repr=False)
    blinded: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BlindSignature:
    """A mint's answer to one output."""

    amount: int
    keyset_id: str
    signed: bytes = field(repr=False)
    dleq: Dleq | None = None


@dataclass(frozen=True, slots=True)
class OwnProof:
    """A proof of this node's wallet; its secret follows from seed, keyset and counter."""

    amount: int
    keyset_id: str
    counter: int
    secret: str = field(repr=False)
    c: bytes = field(repr=False)
    y: bytes = field(repr=False)
    dleq: ProofDleq | None = field(default=None, repr=False)

    def for_token(self) -> TokenProof:
        """The proof as it is spent or handed out."""
        return TokenProof(self.amount, self.keyset_id, self.secret, self.c, self.dleq)


def make_outputs(
    seed: bytes, keyset_id: str, amounts: Iterable[int], *, first_counter: int
) -> list[PreparedOutput]:
    """Derive and blind one output per amount, with consecutive counters.

    Repeating the call gives the same outputs: this is what makes a lost answer recoverable.
    """
    derive = derivation(seed, keyset_id)
    outputs = []
    for counter, amount in enumerate(amounts, first_counter):
        secret, r = derive(counter)
        blinded = blind(secret.encode(), r)
        outputs.append(PreparedOutput(amount, keyset_id, counter, secret, r, blinded))
    return outputs


def finish(
    outputs: Sequence[PreparedOutput], signatures: Sequence[BlindSignature], keyset: Keyset
) -> list[OwnProof]:
    """Unblind the mint's signatures on these outputs, in order, into proofs of this wallet.

    Raises BadSignature when one is for another keyset or amount, has no key, or carries a DLEQ
    proof that does not hold: the money is then neither lost nor had, and the operation stays open.
    """
    if len(outputs) != len(signatures):
        raise BadSignature("the mint answered with another number of signatures")
    return [
        _finish_one(output, signature, keyset)
        for output, signature in zip(outputs, signatures, strict=True)
    ]


def check_proofs(proofs: Iterable[TokenProof], keysets: Mapping[str, Keyset]) -> None:
    """Check the proofs of a received token, with full keyset ids, against its mint's keys.

    Raises InvalidToken for an amount that the keyset does not have or a DLEQ proof that does not
    hold (wallets must look at it when it is there, NUT-12), UnknownKeyset for another keyset.
    """
    for proof in proofs:
        keyset = keysets.get(proof.keyset_id)
        if keyset is None:
            raise UnknownKeyset
        key = keyset.keys.get(proof.amount)
        if key is None:
            raise InvalidToken("The token has an amount that its keyset does not know.")
        dleq = proof.dleq
        if dleq and not verify_dleq_proof(
            proof.secret.encode(), proof.c, dleq.e, dleq.s, dleq.r, key
        ):
            raise InvalidToken("The token was not signed by its mint: a DLEQ proof is wrong.")


def _finish_one(output: PreparedOutput, signature: BlindSignature, keyset: Keyset) -> OwnProof:
    if not signature.keyset_id == output.keyset_id == keyset.id:
        raise BadSignature("the mint signed with another keyset")
    if output.amount not in (0, signature.amount):
        raise BadSignature("the mint signed another amount")
    key = keyset.keys.get(signature.amount)
    if key is None:
        raise BadSignature("the mint signed an amount that its keyset does not know")
    dleq = signature.dleq
    if dleq and not verify_dleq_signature(output.blinded, signature.signed, dleq.e, dleq.s, key):
        raise BadSignature("the mint did not sign with the key it published")
    try:
        c = unblind(signature.signed, output.r, key)
    except CurveError as error:
        raise BadSignature("the mint's signature is no point of the curve") from error
    return OwnProof(
        signature.amount,
        output.keyset_id,
        output.counter,
        output.secret,
        c,
        hash_to_curve(output.secret.encode()),
        ProofDleq(dleq.e, dleq.s, output.r) if dleq else None,
    )
