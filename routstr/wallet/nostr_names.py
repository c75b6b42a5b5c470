"""A Nostr key as text, alone or with the relays that its owner reads (NIP-19). Pure."""

from dataclasses import dataclass
from typing import Final

from routstr.wallet import bech32
from routstr.wallet.bech32 import InvalidBech32, Variant
from routstr.wallet.tlv import InvalidTlv, read_fields, write_field

_KEY, _RELAY = 0, 1
_KEY_BYTES: Final = 32
_LENGTH_BYTES: Final = 1


class InvalidName(ValueError):
    """The text is neither an npub nor an nprofile, or the profile cannot be written as text."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An x-only public key of 32 bytes, and relays."""

    key: bytes
    relays: tuple[str, ...] = ()


def read_profile(text: str) -> Profile:
    """Read an npub or an nprofile, whose unknown fields are left out. Raises InvalidName."""
    try:
        prefix, data = bech32.decode(text, Variant.BECH32)
        profile = Profile(data) if prefix == "npub" else _read_parts(data)
    except (InvalidBech32, InvalidTlv, UnicodeDecodeError):
        raise InvalidName("this is neither an npub nor an nprofile") from None
    if prefix not in {"npub", "nprofile"} or len(profile.key) != _KEY_BYTES:
        raise InvalidName("this is neither an npub nor an nprofile")
    return profile


def write_profile(profile: Profile) -> str:
    """Write an nprofile, or an npub when there are no relays. Raises InvalidName."""
    if len(profile.key) != _KEY_BYTES:
        raise InvalidName("a Nostr key has 32 bytes")
    if not profile.relays:
        return bech32.encode("npub", profile.key, Variant.BECH32)
    parts = [(_KEY, profile.key), *((_RELAY, relay.encode()) for relay in profile.relays)]
    try:
        data = b"".join(
            write_field(kind, value, length_bytes=_LENGTH_BYTES) for kind, value in parts
        )
    except InvalidTlv:
        raise InvalidName("the address of a relay is longer than 255 bytes") from None
    return bech32.encode("nprofile", data, Variant.BECH32)


def _read_parts(data: bytes) -> Profile:
    fields = list(read_fields(data, length_bytes=_LENGTH_BYTES))
    keys = [value for kind, value in fields if kind == _KEY]
    relays = tuple(value.decode() for kind, value in fields if kind == _RELAY)
    return Profile(keys[0] if len(keys) == 1 else b"", relays)
