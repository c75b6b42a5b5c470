"""Who is asked after whom, when one provider or one of its keys fails.

==================================  ===============================================================
an attempt ends with                then
==================================  ===============================================================
an answer                           nobody else is asked
a key that must wait or is refused  the provider's next key, then the next provider
any other fault of the provider     the next provider
what the caller can put right       the same provider once more
what the caller calls final         the error is raised
==================================  ===============================================================

A provider that rests is passed over. Who was passed over since it was chosen is asked all the same
when there is nobody else.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic
from typing import Final, TypeVar

from msgspec.structs import replace

from routstr.core.logging import get_logger
from routstr.errors import RoutstrError, UpstreamError, UpstreamUnavailable
from routstr.upstream.blame import Blame
from routstr.upstream.carrier import Line
from routstr.upstream.routing import Choice

T = TypeVar("T")

_ITS_KEY: Final = frozenset({Blame.BUSY, Blame.KEY, Blame.MODEL})
_log: Final = get_logger(__name__)


class Turns:
    """The attempts of one request. ``problem`` is what it ends with unless somebody answers."""

    __slots__ = ("asked", "problem")

    def __init__(self) -> None:
        self.asked = False
        """Whether anybody was asked at all."""
        self.problem: RoutstrError | None = None

    def order(self, choices: Sequence[Choice]) -> Iterator[Choice]:
        """Whom to ask next, as long as nobody has answered."""
        for choice in choices:
            if choice.forced and self.asked:
                return
            yield choice
        for choice in choices:
            if self.asked:
                return
            if not choice.forced:
                yield replace(choice, forced=True)

    async def ask(
        self,
        choice: Choice,
        attempt: Callable[[Line], Awaitable[T]],
        again: Callable[[UpstreamError, Blame], bool],
    ) -> T | None:
        """Ask one provider, with one key after another; None: somebody else may be asked.

        ``again`` says after a failure whether the same provider is to be asked once more, and
        raises what is final. What else ``attempt`` raises is nobody's fault and passes through.
        """
        carrier, model = choice.carrier, choice.entry.upstream_id
        tried: tuple[Line, ...] = ()
        now = monotonic
        while True:
            began = now()
            permit = carrier.breaker.enter(began)
            if not permit and not choice.forced:
                return None
            line = carrier.line(began, model, tried, resting=choice.forced)
            if line is None:
                carrier.breaker.left(permit)
                return None
            self.asked = True
            try:
                answer = await attempt(line)
            except UpstreamError as error:
                fault = carrier.failed(line, error, permit, model=model, now=now())
                self.problem = error
                if again(error, fault):
                    continue
                _log.warning("attempt_failed", provider=carrier.name, model=model, code=error.code)
                if fault not in _ITS_KEY:
                    return None
                tried += (line,)
            except BaseException:
                carrier.breaker.left(permit)
                raise
            else:
                carrier.worked(line)
                carrier.pace.took(now() - began)
                return answer

    def failure(self) -> RoutstrError:
        """What the client gets when nobody answered."""
        return self.problem or UpstreamUnavailable(
            "No provider can serve this within its price. Nothing was charged."
        )
