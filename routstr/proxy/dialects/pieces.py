"""What the relay asks of endpoints that do not sell words: pictures, sound, speech.

A dialect reads a request into an :class:`Ask`; with a model's prices that becomes a
:class:`Charge`, which knows the worst case before the request and the bill after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from routstr.catalog.snapshot import ModelEntry, Rates
from routstr.errors import NotPriced
from routstr.payment.usage import Usage
from routstr.proxy.dialects.given import Given
from routstr.proxy.fields import Fields


class Charge(Protocol):
    """One request at one model's prices. Holds no state of its answer."""

    @property
    def rates(self) -> Rates:
        """What is held and settled with: the model's, for what this request asks for."""
        ...

    @property
    def worst(self) -> tuple[Usage, ...]:
        """What it may use at most; the dearest of these is held."""
        ...

    @property
    def changes(self) -> Mapping[str, str]:
        """Fields that the provider gets otherwise than the client wrote them."""
        ...

    @property
    def unseen(self) -> Usage:
        """The bill for a client that leaves while the provider works: for what was asked."""
        ...

    def of_answer(self, fields: Fields) -> Usage | None:
        """The bill for a JSON answer; None when it is no answer."""
        ...

    def of_bytes(self, body: bytes) -> Usage | None:
        """The bill for an answer that is no JSON; None when it is no answer."""
        ...

    def of_stream(self, told: object, said: int) -> Usage:
        """The bill for events: the usage that they told, pictures or characters they brought."""
        ...


class Ask(Protocol):
    """A request that was read and checked."""

    @property
    def model(self) -> str:
        """The model's name, as the client wrote it."""
        ...

    def at(self, entry: ModelEntry) -> Charge:
        """The charge at a model's prices. Raises :class:`NotPriced`."""
        ...

    def shown(self, fields: Fields) -> tuple[str, bytes] | None:
        """Content type and body when the client gets no JSON; None: the fields, as JSON."""
        ...


@runtime_checkable
class PieceDialect(Protocol):
    """One endpoint. ``form``: its requests are forms. ``live``: its answers pass as they come."""

    @property
    def endpoint(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def form(self) -> bool: ...
    @property
    def live(self) -> bool: ...
    @property
    def last_events(self) -> frozenset[str]:
        """Types of the event that ends a stream, or one of its parts, and tells the usage."""
        ...

    async def read(self, model: str, given: Given) -> Ask:
        """Read the fields. Raises ``InvalidParameter``."""
        ...


@dataclass(frozen=True, slots=True)
class Sold:
    """What every charge needs of a model."""

    entry: ModelEntry

    def refuse(self, what: str, fields: str) -> NotPriced:
        """What to raise when the model has no price for what is asked."""
        return NotPriced(
            f"Model {self.entry.id!r} has no price for {what} on this node. ({fields})",
            details={"model": self.entry.id},
        )
