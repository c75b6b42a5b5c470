"""What a request spends its time on, step by step, for whoever wants traces.

Without a tracer nothing of this exists and a request passes one comparison per step. With one the
steps are noted as they happen and become spans when the request is over.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeVar, final

from msgspec import Struct

from routstr.core.access_log import AccessRecord

T = TypeVar("T")
A = TypeVar("A")

QUOTE: Final = "quote"
HOLD: Final = "hold"
ATTEMPT: Final = "attempt"
SETTLE: Final = "settle"


class Step(Struct, frozen=True, gc=False):
    """One step. Times are seconds of the trace's clock; ``error`` is a code, empty without one.

    ``provider`` and ``model`` say who was asked in an attempt, and for what by its name there.
    """

    name: str
    began: float
    ended: float
    error: str = ""
    provider: str = ""
    model: str = ""


@final
class Trace:
    """The steps of one request."""

    __slots__ = ("began", "now", "read_at", "steps")

    def __init__(self, now: Callable[[], float]) -> None:
        """``now`` tells seconds that never go back."""
        self.now: Final = now
        self.began: Final = now()
        self.read_at = self.began
        """When the request was read."""
        self.steps: Final[list[Step]] = []

    def read(self) -> None:
        """The request has been read."""
        self.read_at = self.now()

    def quoted(self) -> None:
        """What the request may cost is known."""
        self.steps.append(Step(QUOTE, self.read_at, self.now()))

    async def around(
        self, name: str, work: Awaitable[T], *, provider: str = "", model: str = ""
    ) -> T:
        """Note how long it takes, and whether it fails."""
        began, error = self.now(), ""
        try:
            return await work
        except BaseException as problem:
            error = str(getattr(problem, "code", "") or type(problem).__name__)
            raise
        finally:
            self.steps.append(Step(name, began, self.now(), error, provider, model))

    def each(
        self, attempt: Callable[[A], Awaitable[T]], *, provider: str, model: str
    ) -> Callable[[A], Awaitable[T]]:
        """Note every attempt at a provider."""

        def noted(line: A) -> Awaitable[T]:
            return self.around(ATTEMPT, attempt(line), provider=provider, model=model)

        return noted


class Tracer(Protocol):
    """Makes traces and takes them when their requests are over."""

    def begin(self) -> Trace:
        """A request has come."""
        ...

    def finish(
        self, trace: Trace, record: AccessRecord, headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """It is over; ``headers`` are what the client sent."""
        ...
