"""A process of its own that spends: ``python -m tests.integration.ledger.worker URL SPEND HOLD``.

At a first line of input it charges the account ``SPEND`` as often as it can, at a second one it
holds of the account ``HOLD``; it prints how often it could. Then it waits to be killed.
"""

import asyncio
import sys
from typing import Final

from routstr.ledger.entries import Held
from tests.integration.ledger.bank import Bank, Branch, request, settlement

AMOUNT: Final = 100
TRIES: Final = 25


async def spend(branch: Branch, account: int) -> int:
    answer = await branch.ledger.hold(request(account, AMOUNT))
    if not isinstance(answer, Held):
        return 0
    await branch.ledger.settle(settlement(answer.hold, AMOUNT))
    return 1


async def hold(branch: Branch, account: int) -> int:
    return int(isinstance(await branch.ledger.hold(request(account, AMOUNT)), Held))


async def main(url: str, to_spend: int, to_hold: int) -> None:
    branch = await Bank(url).open()
    tell("ready")
    for work, account in ((spend, to_spend), (hold, to_hold)):
        await asyncio.to_thread(sys.stdin.readline)  # all workers begin together
        tell(sum(await asyncio.gather(*(work(branch, account) for _ in range(TRIES)))))
    await asyncio.to_thread(sys.stdin.readline)


def tell(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
