"""Curve arithmetic of ecash: blind signatures (NUT-00) and their DLEQ proofs (NUT-12).

The only module that knows the curve library. At this interface a point is 33 bytes (SEC1
compressed) and a scalar 32 bytes, big-endian, from 1 to n - 1. The specification's letters are
``secret`` x, ``r`` r, ``blinded`` B_, ``signed`` C_, ``signature`` C and ``key`` K (NUT-12: A).
"""

from hashlib import sha256
from typing import Final

from coincurve import PrivateKey, PublicKey, PublicKeyXOnly

POINT_BYTES: Final = 33
SCALAR_BYTES: Final = 32
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_HASH_DOMAIN: Final = b"Secp256k1_HashToCurve_Cashu_"
_HASH_TRIES: Final = 1 << 16  # every second try is a point: never reached


class CurveError(ValueError):
    """Bytes that are no valid point or scalar, or a result that is neither."""


def hash_to_curve(message: bytes) -> bytes:
    """Map a message to its point Y, of which nobody knows the discrete logarithm (NUT-00)."""
    return _hash_to_point(message).format()


def blind(secret: bytes, r: bytes) -> bytes:
    """Hide a secret from the mint that will sign it: B_ = Y + rG."""
    return _sum_with_generator(_hash_to_point(secret), _scalar(r)).format()


def unblind(signed: bytes, r: bytes, key: bytes) -> bytes:
    """Turn the mint's answer into the signature on the secret: C = C_ - rK."""
    return _sum(_point(signed), _product(_point(key), _negative(r))).format()


def verify_dleq_signature(blinded: bytes, signed: bytes, e: bytes, s: bytes, key: bytes) -> bool:
    """Tell whether the private key of ``key`` made ``signed`` from ``blinded`` (NUT-12).

    Values that are no points or scalars prove nothing: the answer is False, never an exception.
    """
    try:
        return _equal_logarithms(_point(blinded), _point(signed), e, s, _point(key))
    except CurveError:
        return False


def verify_dleq_proof(
    secret: bytes, signature: bytes, e: bytes, s: bytes, r: bytes, key: bytes
) -> bool:
    """Tell whether the private key of ``key`` signed ``secret``, for one who got it in a token.

    Rebuilds what the mint saw (B_ = Y + rG, C_ = C + rK) and checks that (NUT-12). False for
    values that are no points or scalars.
    """
    try:
        public = _point(key)
        blinded = _sum_with_generator(_hash_to_point(secret), _scalar(r))
        signed = _sum(_point(signature), _product(public, _scalar(r)))
        return _equal_logarithms(blinded, signed, e, s, public)
    except CurveError:
        return False


def is_point(data: bytes) -> bool:
    """Tell whether these bytes are a point in compressed form."""
    try:
        _point(data)
    except CurveError:
        return False
    return True


def is_scalar(data: bytes) -> bool:
    """Tell whether these bytes are a scalar other than zero."""
    return len(data) == SCALAR_BYTES and 0 < int.from_bytes(data, "big") < ORDER


def public_key(scalar: bytes) -> bytes:
    """Multiply the generator: the public key of a private one."""
    return PublicKey.from_valid_secret(_scalar(scalar)).format()


def sign_schnorr(digest: bytes, scalar: bytes) -> bytes:
    """Sign 32 bytes (BIP-340): 64 bytes, the same for the same arguments, so that it repeats."""
    return PrivateKey(_scalar(scalar)).sign_schnorr(digest, bytes(SCALAR_BYTES))


def verify_schnorr(digest: bytes, signature: bytes, key: bytes) -> bool:
    """Tell whether the private key of ``key`` (32 bytes) signed 32 bytes (BIP-340)."""
    try:
        return bool(PublicKeyXOnly(key).verify(signature, digest))
    except ValueError:
        return False


def add_scalars(a: bytes, b: bytes) -> bytes:
    """Add modulo the order; used by key derivation (BIP-32). A sum of zero is a CurveError."""
    total = int.from_bytes(_scalar(a), "big") + int.from_bytes(_scalar(b), "big")
    return _scalar((total % ORDER).to_bytes(SCALAR_BYTES, "big"))


def reduce_to_scalar(digest: bytes) -> bytes:
    """Take a digest as a big-endian number modulo the order (NUT-13). Zero is a CurveError."""
    return _scalar((int.from_bytes(digest, "big") % ORDER).to_bytes(SCALAR_BYTES, "big"))


def _hash_to_point(message: bytes) -> PublicKey:
    digest = sha256(_HASH_DOMAIN + message).digest()
    for counter in range(_HASH_TRIES):
        try:
            return PublicKey(b"\x02" + sha256(digest + counter.to_bytes(4, "little")).digest())
        except ValueError:  # not on the curve: the next one
            continue
    raise CurveError("no point found for this message")  # pragma: no cover - probability 2**-65536


def _equal_logarithms(
    blinded: PublicKey, signed: PublicKey, e: bytes, s: bytes, key: PublicKey
) -> bool:
    """Check e = hash(sG - eK, sB_ - eC_, K, C_)."""
    s, minus_e = _scalar(s), _negative(e)
    r1 = _sum_with_generator(_product(key, minus_e), s)
    r2 = _sum(_product(blinded, s), _product(signed, minus_e))
    return _challenge(r1, r2, key, signed) == e


def _challenge(*points: PublicKey) -> bytes:
    """Hash points as NUT-12 does: their uncompressed forms, written in hexadecimal."""
    text = "".join(point.format(compressed=False).hex() for point in points)
    return sha256(text.encode("ascii")).digest()


def _point(data: bytes) -> PublicKey:
    if len(data) != POINT_BYTES:  # the library would also take uncompressed points
        raise CurveError("a point has 33 bytes")
    try:
        return PublicKey(data)
    except ValueError as error:
        raise CurveError("these bytes are no point of the curve") from error


def _scalar(data: bytes) -> bytes:
    if not is_scalar(data):
        raise CurveError("a scalar has 32 bytes and lies between zero and the curve's order")
    return data


def _negative(scalar: bytes) -> bytes:
    return (ORDER - int.from_bytes(_scalar(scalar), "big")).to_bytes(SCALAR_BYTES, "big")


def _product(point: PublicKey, scalar: bytes) -> PublicKey:
    return point.multiply(scalar)


def _sum(a: PublicKey, b: PublicKey) -> PublicKey:
    try:
        return PublicKey.combine_keys([a, b])
    except ValueError as error:
        raise CurveError("the points cancel out") from error


def _sum_with_generator(point: PublicKey, scalar: bytes) -> PublicKey:
    try:
        return point.add(scalar)
    except ValueError as error:
        raise CurveError("the points cancel out") from error
