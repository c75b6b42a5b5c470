"""The node's key on Nostr: given by the operator as ``NSEC``, or stored sealed by its pages.

The key does not print. Whoever has it speaks for the node, and for the operator where it is theirs.
"""

import re
from typing import Any, Final, Self, final

from routstr.core.secret import Secret
from routstr.discovery.events import Draft, Event, parse

_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_NSEC: Final = re.compile(r"nsec1[02-9ac-hj-np-z]{58}")


class InvalidKey(ValueError):
    """This is no secret key of Nostr. The text is not repeated."""

    def __init__(self) -> None:
        super().__init__("must be a secret key of Nostr: nsec1... or 64 hexadecimal digits")


class InvalidPublicKey(ValueError):
    """This is no public key of Nostr."""


@final
class Identity:
    """A key that signs. Making one and signing take about 1 ms of the processor."""

    # the library's own objects complain when they outlive it, at the end of the process
    __slots__ = ("__secret", "npub", "pubkey")

    npub: str
    """The public key as people write it (NIP-19)."""
    pubkey: str
    """The public key as 64 hexadecimal digits."""

    def __init__(self, secret: Secret) -> None:
        """``secret``: nsec1... (NIP-19) or 64 hexadecimal digits. Raises :class:`InvalidKey`."""
        import nostr_sdk  # noqa: PLC0415 - takes half a second

        text = secret.reveal().strip()
        if not _HEX.fullmatch(text) and not _NSEC.fullmatch(text.lower()):
            raise InvalidKey
        try:
            keys = nostr_sdk.Keys.parse(text.lower())
        except nostr_sdk.NostrSdkError:
            raise InvalidKey from None
        self.__secret = Secret(keys.secret_key().to_hex())
        self.pubkey = keys.public_key().to_hex()
        self.npub = keys.public_key().to_bech32()

    @classmethod
    def generate(cls) -> Self:
        """A new one."""
        import nostr_sdk  # noqa: PLC0415 - takes half a second

        return cls(Secret(nostr_sdk.Keys.generate().secret_key().to_hex()))

    def secret(self) -> Secret:
        """The secret key as 64 hexadecimal digits, to be sealed."""
        return self.__secret

    def sign(self, draft: Draft, created_at: int) -> Event:
        """Sign an event; ``created_at`` in seconds since 1970."""
        import nostr_sdk  # noqa: PLC0415 - takes half a second

        builder = nostr_sdk.EventBuilder(nostr_sdk.Kind(draft.kind), draft.content)
        builder = builder.tags([nostr_sdk.Tag.parse(list(tag)) for tag in draft.tags])
        at = nostr_sdk.Timestamp.from_secs(created_at)
        return _known(builder.custom_created_at(at).finalize(self._keys()))

    def message(self, to: str, text: str) -> Event:
        """A private message (NIP-17): only who has the key of ``to`` (npub or hex) can read it.

        Neither its sender nor its time shows. Raises :class:`InvalidPublicKey`.
        """
        import nostr_sdk  # noqa: PLC0415 - takes half a second

        receiver = nostr_sdk.PublicKey.parse(public_key(to))
        return _known(nostr_sdk.nip17_make_private_msg(self._keys(), receiver, text))

    def _keys(self) -> Any:  # noqa: ANN401 - the library's keys
        import nostr_sdk  # noqa: PLC0415 - takes half a second

        return nostr_sdk.Keys.parse(self.__secret.reveal())

    def __repr__(self) -> str:
        return f"Identity({self.npub})"


def public_key(text: str) -> str:
    """A public key (npub1... or 64 hexadecimal digits) as hexadecimal digits.

    Raises :class:`InvalidPublicKey`.
    """
    import nostr_sdk  # noqa: PLC0415 - takes half a second

    try:
        return str(nostr_sdk.PublicKey.parse(text.strip()).to_hex())
    except nostr_sdk.NostrSdkError:
        raise InvalidPublicKey("must be a public key of Nostr: npub1...") from None


def npub_of(pubkey: str) -> str:
    """The npub of 64 hexadecimal digits. Raises :class:`InvalidPublicKey`."""
    import nostr_sdk  # noqa: PLC0415 - takes half a second

    try:
        return str(nostr_sdk.PublicKey.parse(pubkey).to_bech32())
    except nostr_sdk.NostrSdkError:
        raise InvalidPublicKey("must be a public key of Nostr") from None


def _known(event: Any) -> Event:  # noqa: ANN401 - the library's event
    found = parse(event.as_json())
    assert found is not None, "what we signed is an event"
    return found
