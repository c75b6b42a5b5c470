"""Work that stops whenever it needs the database's answer, so that any thread can carry it on."""

from collections.abc import Callable, Generator
from typing import TypeVar

from routstr.core.db.postgres_values import Row

T = TypeVar("T")

Answers = list[list[Row]]
"""The rows of each statement that was queued."""
Steps = Generator[None, Answers, T]
"""Each ``yield`` sends what is queued; it is worth the answers, or raises what the server said."""


def at_once(run: Callable[[], Answers], steps: Steps[T]) -> T:
    """Take all steps; ``run`` sends what is queued and waits."""
    try:
        next(steps)
        while True:
            try:
                answers = run()
            except BaseException as error:  # noqa: BLE001 - theirs to judge
                steps.throw(error)
            else:
                steps.send(answers)
    except StopIteration as end:
        result: T = end.value
        return result
