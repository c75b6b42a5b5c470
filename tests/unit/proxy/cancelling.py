"""Cancellation at a chosen await of a coroutine."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any


@coroutine
def cancelled_at(
    work: Coroutine[Any, Any, Any], at: set[int], steps: list[int]
) -> Generator[Any, Any, Any]:
    """Run ``work`` and cancel the task at these of its suspensions."""
    step: Callable[[Any], Any] = work.send
    value: Any = None
    while True:
        try:
            waits_for = step(value)
        except StopIteration as stop:
            return stop.value
        steps[0] += 1
        if steps[0] in at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        try:
            value, step = (yield waits_for), work.send
        except BaseException as error:  # noqa: BLE001 - handed on to the work
            value, step = error, work.throw
