"""The second net under secrets: what looks like one is cut out of any text that leaves as a log.

The first net is that secrets have a type that does not print (:mod:`routstr.core.secret`) and are
not handed to a logger. This one catches the slip: an exception that quotes a token, a URL with a
password, a header dump.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from routstr.core.secret import MASK, Secret

_SHAPES: Final = re.compile(
    r"""
      (?P<key> (?<![0-9A-Za-z]) sk-[\w-]{8,} | sk-[\w-]{20,} )     # API keys, ours and providers'
    | (?P<token> (?:cashu|creq) [AB] [\w=+/-]{8,} )               # NUT-00 tokens, NUT-18 requests
    | (?P<nsec> n(?:sec|cryptsec) 1 [0-9a-z]{8,} )                # NIP-19, NIP-49 private keys
    | (?P<scheme> \b (?:bearer|basic) [\ ]+ )                     # RFC 9110 credentials
      (?: (?=\S*\d) [\w.~+/=:-]{4,} | [\w.~+/=:-]{16,} )
    | (?P<preimage> preimage \W{1,8} ) [0-9a-f]{16,}
    | (?P<login> [a-z][a-z0-9+.-]{1,20}:// ) [^\s/@?\#'"]+ @      # scheme://user:password@
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)

# Scanning for the shapes takes 0.3 µs a character, so it is done only where one of these is.
_HINTS: Final = ("sk-", "cashu", "creq", "nsec", "ncrypt", "bearer", "basic", "preimage", "://")

# 32 bytes: a key, a preimage, the secret of a proof
_HEX: Final = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")

# Values under these names are cut whatever they look like.
_NAMES: Final = re.compile(
    "api_key|authorization|cookie|key_hex|mnemonic|nsec|password|preimage|private_key|proofs|"
    "refund_token|secret|secret_key|seed|set_cookie|token|witness|x_api_key|x_cashu"
)
_PLAIN: Final = frozenset({int, float, bool, type(None)})
_BREAKS: Final = re.compile("[\x7f-\x9f\u2028\u2029]")  # line ends and terminal codes beyond JSON's
_DEPTH_MAX: Final = 6
_FINGERPRINT_CHARS: Final = 12

LogValue = str | int | float | bool | None | list["LogValue"] | dict[str, "LogValue"]


def redact(text: str) -> str:
    """The text without what looks like a secret.

    32 bytes in hexadecimal become ``#`` and the first 12 digits of their SHA-256, so that the same
    value can still be followed through the log; everything else becomes ``[secret]``.
    """
    lowered = text.lower()
    if any(hint in lowered for hint in _HINTS):
        text = _SHAPES.sub(_replacement, text)
    return _HEX.sub(_fingerprint, text)


def _replacement(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind in {"scheme", "preimage"}:
        return match.group(kind) + MASK
    if kind == "login":
        return f"{match.group(kind)}{MASK}@"
    return MASK


def _fingerprint(match: re.Match[str]) -> str:
    digest = hashlib.sha256(match.group().lower().encode()).hexdigest()
    return f"#{digest[:_FINGERPRINT_CHARS]}"


def clean(text: str) -> str:
    """Redact, then escape what UTF-8 cannot carry or what a terminal would obey."""
    text = redact(text)  # first: the digits of an escape would grow together with a secret's
    if text.isprintable():
        return text
    text = text.encode("utf-8", "backslashreplace").decode()
    return _BREAKS.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is never shown."""
    return _NAMES.fullmatch(name.lower().replace("-", "_")) is not None


def loggable(value: object, depth: int = 0) -> LogValue:
    """A value as plain data for a log line: containers copied, objects as their cleaned text.

    :class:`Secret`, bytes, and what stands under a secret's name never come out.
    """
    if type(value) in _PLAIN:
        return value  # type: ignore[return-value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping) and depth < _DEPTH_MAX:
        return loggable_fields(value, depth + 1)
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH_MAX:
        return [loggable(item, depth + 1) for item in value]
    return clean(str(value))


def loggable_fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, LogValue]:
    """Each field of a mapping by :func:`loggable`."""
    return {
        clean(str(name)): MASK if is_secret_name(str(name)) else loggable(value, depth)
        for name, value in fields.items()
    }
