"""Events on their way: each is given to its relays until they have taken it, or a newer one."""

from collections.abc import Iterable
from typing import Final

from routstr.discovery.events import Event
from routstr.discovery.relays import RelayPool


class Outbox:
    """Holds what is to be published. A newer event of an address takes the older one's place."""

    def __init__(self, pool: RelayPool) -> None:
        self._pool: Final = pool
        self._events: Final[dict[str, Event]] = {}
        self._lacking: Final[dict[str, set[str]]] = {}

    def put(self, event: Event, urls: Iterable[str]) -> None:
        """Give it to these relays with the next :meth:`run`."""
        lacking = set(urls)
        if lacking:
            self._events[event.address] = event
            self._lacking[event.address] = lacking

    def drop(self, address: str) -> None:
        """Do not publish it any more."""
        self._events.pop(address, None)
        self._lacking.pop(address, None)

    @property
    def empty(self) -> bool:
        """Whether nothing is left to publish."""
        return not self._events

    def lacking(self, address: str) -> frozenset[str]:
        """The relays that have not taken the event of an address."""
        return frozenset(self._lacking.get(address, ()))

    async def run(self) -> int:
        """Try every relay that is not left alone once; how many have taken something."""
        taken = 0
        for address, event in list(self._events.items()):
            ready = [url for url in self._lacking[address] if self._pool.ready(url)]
            answers = await self._pool.publish(event, ready) if ready else {}
            done = {url for url, answer in answers.items() if answer.taken}
            taken += len(done)
            if self._events.get(address) is not event:
                continue  # a newer one came meanwhile
            self._lacking[address] -= done
            if not self._lacking[address]:
                self.drop(address)
        return taken
