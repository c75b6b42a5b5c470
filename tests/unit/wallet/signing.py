"""The mint's side of the protocol, for tests: signs blinded messages and proves it."""

import hmac
import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from coincurve import PublicKey

from routstr.wallet.crypto import ORDER, is_scalar, public_key
from routstr.wallet.keysets import KeysetInfo, derive_id_v1, derive_id_v2, with_keys
from routstr.wallet.proofs import BlindSignature, Dleq, OwnProof, PreparedOutput, finish
from routstr.wallet.proofs import make_outputs as _make_outputs

POWERS = tuple(1 << n for n in range(20))
SEED = bytes(range(64))


def vectors(name: str) -> Any:
    """Load one of the files with test vectors."""
    return json.loads((Path(__file__).parents[2] / "vectors" / f"{name}.json").read_text())


def sign(private: bytes, blinded: bytes) -> bytes:
    """C_ = kB_ (NUT-00)."""
    return PublicKey(blinded).multiply(private).format()


def prove(private: bytes, blinded: bytes) -> Dleq:
    """Prove the signature with the deterministic nonce of NUT-12."""
    key, message, signed = (
        PublicKey(point) for point in (public_key(private), blinded, sign(private, blinded))
    )
    data = b"Cashu_DLEQ_R_v1" + b"".join(p.format(compressed=False) for p in (key, message, signed))
    nonce = next(
        digest
        for n in count()
        if is_scalar(digest := hmac.digest(private, data + bytes([n]), "sha256"))
    )
    points = (PublicKey.from_valid_secret(nonce), message.multiply(nonce), key, signed)
    text = "".join(point.format(compressed=False).hex() for point in points)
    e = sha256(text.encode()).digest()
    s = int.from_bytes(nonce, "big") + int.from_bytes(e, "big") * int.from_bytes(private, "big")
    return Dleq(e, (s % ORDER).to_bytes(32, "big"))


class Signer:
    """One keyset of a mint, with its private keys."""

    def __init__(
        self,
        amounts: Iterable[int] = POWERS,
        *,
        unit: str = "sat",
        fee: int = 0,
        version: int = 2,
        active: bool = True,
    ) -> None:
        self.private = {
            amount: sha256(f"{unit} {fee} {version} {amount}".encode()).digest()
            for amount in amounts
        }
        points = {amount: public_key(key) for amount, key in self.private.items()}
        keyset_id = derive_id_v1(points) if version == 1 else derive_id_v2(points, unit, fee)
        self.info = KeysetInfo(keyset_id, unit, active, fee)
        self.keyset = with_keys(self.info, {amount: p.hex() for amount, p in points.items()})

    @property
    def id(self) -> str:
        return self.info.id

    def outputs(self, amounts: Sequence[int], *, first_counter: int = 0) -> list[PreparedOutput]:
        return _make_outputs(SEED, self.id, amounts, first_counter=first_counter)

    def sign(
        self, output: PreparedOutput, amount: int | None = None, *, dleq: bool = True
    ) -> BlindSignature:
        amount = amount or output.amount
        private = self.private[amount]
        proof = prove(private, output.blinded) if dleq else None
        return BlindSignature(amount, self.id, sign(private, output.blinded), proof)

    def issue(
        self, amounts: Sequence[int], *, first_counter: int = 0, dleq: bool = True
    ) -> list[OwnProof]:
        """Make proofs that this keyset's mint would accept."""
        outputs = self.outputs(amounts, first_counter=first_counter)
        signatures = [self.sign(output, dleq=dleq) for output in outputs]
        return finish(outputs, signatures, self.keyset)
