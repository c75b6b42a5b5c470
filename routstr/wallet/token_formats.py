"""The two notations of a token, JSON (V3) and CBOR (V4), read into plain content (NUT-00).

Reading checks form and bounds the work; what the content means is checked by ``token``.
"""

from typing import Annotated, NamedTuple, TypeAlias

import cbor2
import msgspec

from routstr.errors import InvalidToken
from routstr.wallet import cbor
from routstr.wallet.cbor import InvalidCbor
from routstr.wallet.keysets import short_id
from routstr.wallet.proofs import ProofDleq, TokenProof

Amount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Content(NamedTuple):
    """What a token says, not yet judged."""

    mint: str
    unit: str
    memo: str | None
    proofs: tuple[TokenProof, ...]

    def __repr__(self) -> str:
        return "Content(...)"


class _JsonDleq(msgspec.Struct):
    e: str
    s: str
    r: str | None = None


class _JsonProof(msgspec.Struct, omit_defaults=True):
    amount: Amount
    id: str
    secret: str
    c: str = msgspec.field(name="C")
    dleq: _JsonDleq | None = None


class _JsonEntry(msgspec.Struct):
    mint: str
    proofs: list[_JsonProof]


class _JsonToken(msgspec.Struct, omit_defaults=True):
    token: list[_JsonEntry]
    unit: str | None = None
    memo: str | None = None


class _CborDleq(msgspec.Struct):
    e: bytes
    s: bytes
    r: bytes | None = None


class _CborProof(msgspec.Struct, omit_defaults=True):
    amount: Amount = msgspec.field(name="a")
    secret: str = msgspec.field(name="s")
    c: bytes
    dleq: _CborDleq | None = msgspec.field(name="d", default=None)


class _CborEntry(msgspec.Struct):
    keyset: bytes = msgspec.field(name="i")
    proofs: list[_CborProof] = msgspec.field(name="p")


class _CborToken(msgspec.Struct, omit_defaults=True, kw_only=True):
    entries: list[_CborEntry] = msgspec.field(name="t")
    memo: str | None = msgspec.field(name="d", default=None)
    mint: str = msgspec.field(name="m")
    unit: str = msgspec.field(name="u")


def read_json(data: bytes) -> Content:
    """Read the JSON of a cashuA token. Raises InvalidToken."""
    try:
        token = msgspec.json.decode(data, type=_JsonToken)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidToken from None
    proofs = tuple(_from_json(proof) for entry in token.token for proof in entry.proofs)
    mints = {entry.mint for entry in token.token}
    if len(mints) > 1:
        raise InvalidToken("The token has proofs of several mints. Send one token per mint.")
    return Content("".join(mints), token.unit or "sat", token.memo, proofs)


def read_cbor(data: bytes) -> Content:
    """Read the CBOR of a cashuB token. Raises InvalidToken."""
    try:
        token = msgspec.convert(cbor.read(data), _CborToken, builtin_types=(bytes,))
    except (InvalidCbor, msgspec.ValidationError):
        raise InvalidToken from None
    proofs = tuple(
        _from_cbor(proof, entry.keyset.hex()) for entry in token.entries for proof in entry.proofs
    )
    return Content(token.mint, token.unit, token.memo, proofs)


def write_json(content: Content) -> bytes:
    """Write the JSON of a cashuA token, compact."""
    entry = _JsonEntry(content.mint, [_to_json(proof) for proof in content.proofs])
    return msgspec.json.encode(_JsonToken([entry], content.unit, content.memo))


def write_cbor(content: Content) -> bytes:
    """Write the CBOR of a cashuB token, with short keyset ids, proofs grouped by keyset."""
    groups: dict[str, list[_CborProof]] = {}
    for proof in content.proofs:
        groups.setdefault(short_id(proof.keyset_id), []).append(_to_cbor(proof))
    entries = [_CborEntry(bytes.fromhex(keyset), proofs) for keyset, proofs in groups.items()]
    token = _CborToken(entries=entries, memo=content.memo, mint=content.mint, unit=content.unit)
    return cbor2.dumps(msgspec.to_builtins(token, builtin_types=(bytes,)))


def _from_json(proof: _JsonProof) -> TokenProof:
    dleq = None
    if proof.dleq and proof.dleq.r is not None:  # without r it cannot be checked by a receiver
        dleq = ProofDleq(_hex(proof.dleq.e), _hex(proof.dleq.s), _hex(proof.dleq.r))
    return TokenProof(proof.amount, proof.id, proof.secret, _hex(proof.c), dleq)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidToken from None


def _from_cbor(proof: _CborProof, keyset_id: str) -> TokenProof:
    dleq = None
    if proof.dleq and proof.dleq.r is not None:
        dleq = ProofDleq(proof.dleq.e, proof.dleq.s, proof.dleq.r)
    return TokenProof(proof.amount, keyset_id, proof.secret, proof.c, dleq)


def _to_json(proof: TokenProof) -> _JsonProof:
    dleq = None
    if proof.dleq:
        dleq = _JsonDleq(proof.dleq.e.hex(), proof.dleq.s.hex(), proof.dleq.r.hex())
    return _JsonProof(proof.amount, proof.keyset_id, proof.secret, proof.c.hex(), dleq)


def _to_cbor(proof: TokenProof) -> _CborProof:
    dleq = None
    if proof.dleq:
        dleq = _CborDleq(proof.dleq.e, proof.dleq.s, proof.dleq.r)
    return _CborProof(proof.amount, proof.secret, proof.c, dleq)
