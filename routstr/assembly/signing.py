"""With which key the node signs what it says of money, and receipts by it."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import State

from routstr.assembly.money import Money
from routstr.assembly.process import Process
from routstr.balance.receipts import ReceiptDesk
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey, SealBroken
from routstr.discovery.identity import InvalidKey
from routstr.discovery.keyring import Keyring
from routstr.errors import DatabaseUnavailable
from routstr.payment import signing
from routstr.payment.receipts import Receipts
from routstr.payment.signing import SigningKey

_log = get_logger(__name__)


class NodeSigner:
    """Signs with the node's key on Nostr; without one, with a key that its secret key gives."""

    def __init__(self, keyring: Keyring, node_key: NodeKey) -> None:
        self._keyring: Final = keyring
        self._node_key: Final = node_key
        self._known: tuple[str, SigningKey] | None = None

    async def key(self) -> SigningKey:
        """The key as it is now; it can change while the node runs."""
        try:
            identity = await self._keyring.identity()
        except (InvalidKey, SealBroken) as error:
            _log.warning("nostr_key_broken", reason=type(error).__name__)
            identity = None
        named = "" if identity is None else identity.pubkey
        if self._known is None or self._known[0] != named:
            if identity is None:
                key = SigningKey.derived(self._node_key.derive(signing.PURPOSE))
            else:
                key = SigningKey(bytes.fromhex(identity.secret().reveal()))
            self._known = named, key
        return self._known[1]

    async def pubkey(self) -> str:
        """Its public key, 64 hexadecimal digits; as last known while the database is away."""
        try:
            return (await self.key()).pubkey
        except DatabaseUnavailable:
            return "" if self._known is None else self._known[1].pubkey


def show_receipts(
    state: State, keyring: Keyring, process: Process, money: Money
) -> Callable[[], Awaitable[str]]:
    """Give the routes of receipts what they need; return what tells the node's public key."""
    signer = NodeSigner(keyring, process.node_key)
    state.receipts = ReceiptDesk(Receipts(process.db, signer), money.auth, money.x_cashu)
    return signer.pubkey
