"""How many hold + settle pairs a second the ledger's schema does, on either database.

python -m bench.ledger_pairs [--seconds 5] [--url sqlite:///... | postgresql+psycopg://...]
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time

from sqlalchemy import text

from routstr.core.clock import SystemClock
from routstr.core.db import Database, migrate
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, Held, HoldRequest, Settlement
from routstr.ledger.service import Ledger
from routstr.money import Msat

_RATES = "p=1000000000000;c=4000000000000;r=0;w=0"


async def measure(url: str, callers: int, seconds: float, accounts: int) -> tuple[float, float]:
    """Return pairs per second and the median pair in milliseconds."""
    db = Database(url)
    db.start()
    clock = SystemClock()
    node = await Ledger.open_books(db, clock)
    ledger = Ledger(db, clock, 1, node)
    ids = [
        await db.write(lambda tx: open_account(tx, AccountKind.KEY, clock.now_ms()))
        for _ in range(accounts)
    ]
    await db.write(lambda tx: tx.sql.execute(text("UPDATE accounts SET posted = 1000000000000")))
    times: list[float] = []
    end = time.monotonic() + seconds

    async def caller(number: int) -> None:
        while (start := time.monotonic()) < end:
            held = await ledger.hold(
                HoldRequest(
                    ids[number % accounts], Msat(900), Msat(1000), "0b9d8b3e-5a2f-4b6a", "model",
                    "chat/completions", 1, _RATES,
                )
            )  # fmt: skip
            assert isinstance(held, Held)
            await ledger.settle(Settlement(held.hold, Msat(420), 12, 34, estimated=False))
            times.append(time.monotonic() - start)

    started = time.monotonic()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    elapsed = time.monotonic() - started
    await db.stop()
    times.sort()
    return len(times) / elapsed, times[len(times) // 2] * 1000


async def run(url: str | None, seconds: float, accounts: int) -> None:
    """Measure 1, 16 and 64 callers on a fresh schema."""
    with tempfile.TemporaryDirectory() as folder:
        target = url or f"sqlite:///{folder}/ledger.db"
        await asyncio.to_thread(migrate.upgrade, target)
        for callers in (1, 16, 64):
            rate, p50 = await measure(target, callers, seconds, accounts)
            print(
                f"{target.partition(chr(58))[0]:>20} {callers:>3} callers {rate:>9.0f} pairs/s"
                f"  p50 {p50:.2f} ms"
            )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--accounts", type=int, default=64)
    arguments = parser.parse_args()
    sys.setswitchinterval(0.0002)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    import uvloop  # noqa: PLC0415

    uvloop.run(run(arguments.url, arguments.seconds, arguments.accounts))


if __name__ == "__main__":
    main()
