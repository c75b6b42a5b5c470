"""Private messages to the operator (NIP-17): sealed, and given to the relays that they read."""

import asyncio
from contextlib import suppress
from typing import Final

from routstr.core.addresses import relay_url
from routstr.core.logging import get_logger
from routstr.core.node_key import SealBroken
from routstr.discovery.events import MESSAGE_RELAYS, Filter, newest
from routstr.discovery.identity import InvalidKey, InvalidPublicKey, public_key
from routstr.discovery.keyring import Keyring
from routstr.discovery.relays import RelayPool

THEIR_RELAYS_MAX: Final = 4
_log = get_logger(__name__)


class Messenger:
    """Writes to one npub, in the name of the node's key."""

    def __init__(
        self, keyring: Keyring, pool: RelayPool, npub: str, *, allow_insecure: bool
    ) -> None:
        self._keyring: Final = keyring
        self._pool: Final = pool
        self._npub: Final = npub
        self._allow_insecure: Final = allow_insecure

    async def send(self, text: str) -> bool:
        """Send it; false: there is no key, or no relay took it."""
        try:
            me = await self._keyring.identity()
            if me is None:
                return False
            event = await asyncio.to_thread(me.message, self._npub, text)
            reader = public_key(self._npub)
        except (SealBroken, InvalidKey, InvalidPublicKey) as error:
            _log.warning("nostr_message_not_sent", reason=str(error))
            return False
        await self._add_relays(reader)
        answers = await self._pool.publish(event)
        return any(answer.taken for answer in answers.values())

    async def _add_relays(self, reader: str) -> None:
        """Their own list of relays for messages (kind 10050), a few of them."""
        asked = Filter(kinds=(MESSAGE_RELAYS,), authors=(reader,), limit=1)
        lists = newest(await self._pool.query([asked])).values()
        theirs: list[str] = []
        for text in (text for event in lists for text in event.values("relay")):
            with suppress(ValueError):
                theirs.append(relay_url(text, allow_insecure=self._allow_insecure))
        self._pool.add(theirs[:THEIR_RELAYS_MAX])
