"""What removed charges add up to, by account and by limit: where the remaining rows begin.

Pure sums over the text of rows as archives have it (:mod:`routstr.ledger.archive_rows`), so that
whoever has only the files works out the same as the node. Amounts are msat.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct

from routstr.ledger.archive_rows import Charge, HoldFacts, read_hold, read_transfer
from routstr.ledger.entries import HoldState

_SETTLED: Final = int(HoldState.SETTLED)


class Balance(Struct):
    """Of one account: what its removed charges moved, and how many requests they were."""

    posted: int = 0
    spent: int = 0
    requests: int = 0


class Allowance(Struct):
    """Of one limit: what removed holds have charged in ``period``, the newest, and ever."""

    period: int
    spent: int = 0
    total_spent: int = 0
    requests: int = 0


class Openings:
    """Sums that grow with each row that is removed."""

    def __init__(self) -> None:
        self.balances: Final[dict[int, Balance]] = {}
        self.limits: Final[dict[int, Allowance]] = {}

    def add_charge(self, charge: Charge) -> None:
        """Count a transfer: the payer's side and the revenue's."""
        payer = self._balance(charge.debit)
        payer.posted -= charge.amount
        payer.spent += charge.amount
        self._balance(charge.credit).posted += charge.amount

    def add_hold(self, hold: HoldFacts) -> None:
        """Count a hold that has ended: its request, and what it charged on its limit.

        Periods go forward only, so one that is older than the newest known counts in the total
        alone.
        """
        request = 1 if hold.state == _SETTLED else 0
        if request:
            self._balance(hold.account).requests += request
        if hold.limit_id is None:
            return
        period = hold.limit_period or 0
        limit = self.limits.setdefault(hold.limit_id, Allowance(period))
        if period > limit.period:
            limit.period, limit.spent = period, 0
        if period == limit.period:
            limit.spent += hold.charged
        limit.total_spent += hold.charged
        limit.requests += request

    def add_rows(self, transfers: Iterable[str], holds: Iterable[str]) -> int:
        """Count lines of both kinds; return what the transfers add up to, msat."""
        charges = [read_transfer(line) for line in transfers]
        for one in charges:
            self.add_charge(one)
        for line in holds:
            self.add_hold(read_hold(line))
        return sum(one.amount for one in charges)

    def lines(self) -> Iterator[str]:
        """Write them as archives have them, in order."""
        for account, one in sorted(self.balances.items()):
            yield f"A,{account},{one.posted},{one.spent},{one.requests}"
        for limit, left in sorted(self.limits.items()):
            told = f"{left.period},{left.spent},{left.total_spent},{left.requests}"
            yield f"L,{limit},{told}"

    def digest(self) -> str:
        """SHA-256 of these lines, in hexadecimal digits."""
        return digest_of(self.lines())

    def _balance(self, account: int) -> Balance:
        found = self.balances.get(account)
        if found is None:
            found = self.balances[account] = Balance()
        return found


def digest_of(lines: Iterable[str]) -> str:
    """SHA-256 of lines, each with its end, in hexadecimal digits."""
    digest = sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
