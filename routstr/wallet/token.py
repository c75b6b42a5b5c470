"""Tokens as text: cashuA (JSON) and cashuB (CBOR), and the raw binary form (NUT-00). Pure.

Decoding takes text from strangers. It ends in a Token or in one of the errors InvalidToken,
TokenTooLarge and ZeroValueToken, within bounded work; no error and no ``repr`` shows a secret.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from routstr.core.addresses import normalise_mint_url
from routstr.errors import InvalidToken, TokenTooLarge, ZeroValueToken
from routstr.money import MAX_MSAT, Unit
from routstr.wallet.crypto import is_point, is_scalar
from routstr.wallet.keysets import expand_id, is_full_or_short_id
from routstr.wallet.proofs import TokenProof
from routstr.wallet.token_formats import (
    Content,
    read_cbor,
    read_json,
    write_cbor,
    write_json,
)

MAX_CHARS: Final = 100_000  # 100 proofs with DLEQ proofs in the wordier notation
MAX_PROOFS: Final = 100
MAX_SECRET_CHARS: Final = 1_024  # what mints take

_URI: Final = re.compile(r"\Acashu:(?://)?", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_RAW_PREFIX: Final = b"crawB"


@dataclass(frozen=True, slots=True)
class Token:
    """Unlocked proofs of one mint and unit, each with another secret, worth more than nothing."""

    mint: str
    unit: Unit
    proofs: tuple[TokenProof, ...]
    memo: str | None = field(default=None, repr=False)

    @property
    def amount(self) -> int:
        """Face value in the token's unit."""
        return sum(proof.amount for proof in self.proofs)


def decode(text: str) -> Token:
    """Read a cashuA or cashuB token, with or without ``cashu:`` in front and padding behind.

    Raises InvalidToken, TokenTooLarge or ZeroValueToken, nothing else.
    """
    if len(text) > MAX_CHARS:
        raise TokenTooLarge(f"The token is longer than {MAX_CHARS} characters; not redeemed.")
    text = _URI.sub("", text.strip())
    prefix, body = text[:6], text[6:]
    if prefix == "cashuA":
        return _token(read_json(_from_base64(body)))
    if prefix == "cashuB":
        return _token(read_cbor(_from_base64(body)))
    raise InvalidToken("A Cashu token starts with cashuA or cashuB.")


def decode_raw(data: bytes) -> Token:
    """Read a token in its binary form (``crawB``). Raises as ``decode``."""
    if len(data) > MAX_CHARS:
        raise TokenTooLarge(f"The token is longer than {MAX_CHARS} bytes; not redeemed.")
    if not data.startswith(_RAW_PREFIX):
        raise InvalidToken("A binary Cashu token starts with crawB.")
    return _token(read_cbor(data.removeprefix(_RAW_PREFIX)))


def encode_a(token: Token) -> str:
    """Write a token as cashuA: longer, but understood by old wallets too."""
    return "cashuA" + _to_base64(write_json(_content(token)))


def encode_b(token: Token) -> str:
    """Write a token as cashuB, the current form. Long keyset ids are cut to their short form."""
    return "cashuB" + _to_base64(write_cbor(_content(token)))


def encode_raw(token: Token) -> bytes:
    """Write a token in its binary form."""
    return _RAW_PREFIX + write_cbor(_content(token))


def ys(token: Token) -> tuple[bytes, ...]:
    """Compute the points that identify the token's proofs, however the token is written."""
    return tuple(proof.y() for proof in token.proofs)


def expand(token: Token, known_ids: Iterable[str]) -> Token:
    """Replace short keyset ids by the full ones among its mint's.

    Raises UnknownKeyset or AmbiguousKeyset, which are both InvalidToken.
    """
    known = frozenset(known_ids)
    proofs = tuple(
        replace(proof, keyset_id=expand_id(proof.keyset_id, known)) for proof in token.proofs
    )
    return replace(token, proofs=proofs)


def _token(content: Content) -> Token:
    """Judge what a token says."""
    _check_proofs(content.proofs)
    try:
        mint = normalise_mint_url(content.mint)
    except ValueError:
        raise InvalidToken("The token does not name its mint by a valid URL.") from None
    try:
        unit = Unit(content.unit)
    except ValueError:
        raise InvalidToken("The token's unit is neither sat nor msat.") from None
    token = Token(mint, unit, content.proofs, content.memo)
    if token.amount * unit.msat > MAX_MSAT:
        raise TokenTooLarge("The token claims more money than there is; not redeemed.")
    return token


def _check_proofs(proofs: Sequence[TokenProof]) -> None:
    if len(proofs) > MAX_PROOFS:
        raise TokenTooLarge(f"The token has more than {MAX_PROOFS} proofs; not redeemed.")
    if not any(proof.amount for proof in proofs):
        raise ZeroValueToken
    if len({proof.secret for proof in proofs}) != len(proofs):
        raise InvalidToken("The token has the same proof twice.")
    for proof in proofs:
        _check_proof(proof)


def _check_proof(proof: TokenProof) -> None:
    if proof.amount == 0:
        raise InvalidToken("The token has a proof without value.")
    if not is_full_or_short_id(proof.keyset_id):
        raise InvalidToken("The token has a keyset id of a kind that this node does not know.")
    if not 0 < len(proof.secret) <= MAX_SECRET_CHARS:
        raise InvalidToken("The token has a secret that is empty or too long.")
    if proof.secret.lstrip().startswith("["):  # a well-known secret (NUT-10) is a JSON list
        raise InvalidToken(
            "The token is locked (P2PK, HTLC or another spending condition). "
            "This node takes unlocked tokens only."
        )
    if not is_point(proof.c):
        raise InvalidToken("The token has a signature that is no point of the curve.")
    dleq = proof.dleq
    if dleq and not all(map(is_scalar, (dleq.e, dleq.s, dleq.r))):
        raise InvalidToken("The token has a malformed DLEQ proof.")


def _content(token: Token) -> Content:
    return Content(token.mint, token.unit.value, token.memo, token.proofs)


def _to_base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_base64(text: str) -> bytes:
    text = text.replace("+", "-").replace("/", "_")  # some wallets write plain base64
    if not _BASE64.fullmatch(text):
        raise InvalidToken("The token is not base64.")
    text = text.rstrip("=")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise InvalidToken("The token is cut off.") from None
