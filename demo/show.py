"""One run of the demo, from the arguments to the exit status."""

import argparse
import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import demo
from demo.endings import ENDINGS, INTERRUPTED
from demo.failure import ShowFailed
from demo.screen import Screen
from demo.stage import PLAYED, REAL, Stage, stage
from devkit.environment import forget_surroundings
from devkit.processes import ServiceFailed

Act = Callable[[Stage, Screen], Awaitable[None]]


def main() -> int:
    """Run in a fresh folder, which is kept only when something went wrong.

    Returns 0 when everything was as promised, 1 when not, 130 when it was interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m demo", description=demo.__doc__)
    once = os.environ.get("ONCE", "") not in {"", "0"}  # noqa: TID251 - how `make` passes it on
    parser.add_argument("--once", action="store_true", default=once, help="end after the show")
    arguments = parser.parse_args()
    forget_surroundings()
    screen = Screen()
    folder = Path(tempfile.mkdtemp(prefix="routstr-demo-"))
    status = 1
    try:
        asyncio.run(_run(folder, screen, once=arguments.once))
        status = 0
    except (asyncio.CancelledError, KeyboardInterrupt):
        screen.note("\nStopped before the end.")
        status = INTERRUPTED
    except (ShowFailed, ServiceFailed, OSError) as failure:
        screen.fail(str(failure))
    finally:
        if status == 1:
            screen.fact("data, logs", f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return status


async def _run(folder: Path, screen: Screen, *, once: bool) -> None:
    begin = monotonic()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in ENDINGS:
        loop.add_signal_handler(number, task.cancel)
    screen.title(
        "Routstr: a language model, paid for by the question",
        "Everything runs on this machine and is gone afterwards.",
    )
    screen.step("0  The stage")
    async with AsyncExitStack() as stack:
        with screen.waiting("starting two mints, a model and a node"):
            importing = asyncio.create_task(asyncio.to_thread(_acts))
            running = await stack.enter_async_context(stage(folder, screen.fact))
            play, your_turn = await importing
        await play(running, screen)
        screen.step("Everything agreed, to the msat")
        screen.note(f"Real: {REAL}.")
        screen.note(f"Played: {PLAYED}.")
        screen.note(f"It took {monotonic() - begin:.1f} s.")
        if not once:
            await your_turn(running, screen)


def _acts() -> tuple[Act, Act]:
    """The show and what comes after it; importing their clients takes a second."""
    from demo.story import play  # noqa: PLC0415 - while the services start
    from demo.your_turn import your_turn  # noqa: PLC0415

    return play, your_turn
