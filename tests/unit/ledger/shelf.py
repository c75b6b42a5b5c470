"""The ledger's tables in memory, and the proof that they agree: what ``decide`` is checked with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from routstr.ledger.entries import (
    AccountRow,
    Answer,
    Decision,
    HoldRequest,
    HoldRow,
    HoldState,
    KeyMark,
    LimitRow,
    NodeAccounts,
    Operation,
    Posting,
    Release,
    Settlement,
    TransferKind,
    decide,
)
from routstr.ledger.limits import Limits, Reset, period_start
from routstr.money import Msat

ASSETS: Final = 1
NODE: Final = NodeAccounts(revenue=2, loss=3)
FIRST_CUSTOMER: Final = 10


def request(
    account: int,
    wanted: int,
    *,
    minimum: int = 0,
    closes: bool = False,
    mark: KeyMark | None = None,
) -> HoldRequest:
    return HoldRequest(
        account=account,
        minimum=Msat(minimum),
        wanted=Msat(wanted),
        request_id="0b9d8b3e-5a2f-4b6a-9c1d-000000000000",
        model="model",
        endpoint="chat/completions",
        price_version=1,
        rates="rates",
        closes=closes,
        mark=mark,
    )


def settlement(hold: int, cost: int) -> Settlement:
    return Settlement(hold, Msat(cost), 12, 34, estimated=False)


def expiry(hold: int) -> Release:
    return Release(hold, expire=True)


@dataclass
class Shelf:
    """Accounts, holds and transfers; ``run`` does what the SQL around ``decide`` does."""

    posted: dict[int, int] = field(
        default_factory=lambda: {ASSETS: 0, NODE.revenue: 0, NODE.loss: 0}
    )
    held: Counter[int] = field(default_factory=Counter)
    closed: set[int] = field(default_factory=set)
    spent: Counter[int] = field(default_factory=Counter)
    requests: Counter[int] = field(default_factory=Counter)
    holds: dict[int, HoldRow] = field(default_factory=dict)
    transfers: list[Posting] = field(default_factory=list)
    versions: Counter[int] = field(default_factory=Counter)
    limits: dict[int, LimitRow] = field(default_factory=dict)
    at: int = 0

    @classmethod
    def with_balances(cls, *balances: int) -> "Shelf":
        """Customers from :data:`FIRST_CUSTOMER` on, paid in from the assets."""
        shelf = cls()
        for account, amount in enumerate(balances, FIRST_CUSTOMER):
            shelf.posted[account] = amount
            shelf.posted[ASSETS] -= amount
            if amount:
                key = b"R%d" % account
                shelf.transfers.append(
                    Posting(ASSETS, account, amount, TransferKind.DEPOSIT, key, account, amount)
                )
        return shelf

    def available(self, account: int) -> int:
        return self.posted[account] - self.held[account]

    def run(self, *operations: Operation) -> list[Answer]:
        """One batch; the answers, after the books were proved to agree."""
        decision = self.decide(operations)
        self._store(decision)
        self.prove()
        return decision.answers

    def decide(self, operations: Sequence[Operation]) -> Decision:
        accounts = [
            AccountRow(
                account,
                posted,
                self.held[account],
                account in self.closed,
                self.versions[account],
            )
            for account, posted in self.posted.items()
        ]
        first = len(self.holds) + 1
        ids = range(first, first + len(operations))
        counting = (replace(row, charged=0, requests=0) for row in self.limits.values())
        limits = Limits(counting, self.at)
        return decide(operations, accounts, map(replace, self.holds.values()), ids, NODE, limits)

    def _store(self, decision: Decision) -> None:
        for row in decision.accounts.values():
            changed = (row.posted, row.held) != (self.posted[row.id], self.held[row.id])
            assert row.touched or not changed, "a change that is not marked is not stored"
            self.posted[row.id], self.held[row.id] = row.posted, row.held
            self.spent[row.id] += row.spent
            self.requests[row.id] += row.requests
        self.closed.update(decision.closed)
        for hold, asked, amount in decision.placed:
            assert hold not in self.holds
            self.holds[hold] = HoldRow(hold, asked.account, amount, HoldState.OPEN)
        for hold, limit, period in decision.limited:
            self.holds[hold].limit, self.holds[hold].period = limit, period
        for hold, row_after in decision.ended.items():
            before, after = HoldState(self.holds[hold].state), HoldState(row_after.state)
            assert (before, after) in LEGAL_ENDS
            counted = self.holds[hold]
            self.holds[hold] = replace(row_after, limit=counted.limit, period=counted.period)
        for limit_row in decision.limits.rows.values():
            self._store_limit(limit_row)
        self.transfers += decision.postings
        self.posted[NODE.revenue] += decision.revenue
        self.posted[NODE.loss] -= decision.loss

    def limit(
        self, account: int, cap: int | None, reset: Reset = Reset.NEVER, *, version: int = 0
    ) -> KeyMark:
        """Open a limit; its key's mark."""
        number = len(self.limits) + 1
        start = period_start(reset, self.at)
        self.limits[number] = LimitRow(
            number, account, version, cap, int(reset), start, spent=0, forgiven=0, held=0
        )
        return KeyMark(version, number)

    def _store_limit(self, row: LimitRow) -> None:
        before = self.limits[row.id]
        counted = ("period", "spent", "forgiven", "held")
        changed = any(getattr(row, name) != getattr(before, name) for name in counted)
        assert row.touched or not (changed or row.charged or row.requests)
        before.period, before.spent = row.period, row.spent
        before.forgiven, before.held = row.forgiven, row.held
        before.charged += row.charged
        before.requests += row.requests

    def prove(self) -> None:
        """Every equation of the ledger, from the transfers and holds alone."""
        moved: Counter[int] = Counter()
        for transfer in self.transfers:
            assert transfer.amount > 0
            moved[transfer.credit] += transfer.amount
            moved[transfer.debit] -= transfer.amount
        assert sum(self.posted.values()) == 0
        assert {a: p for a, p in self.posted.items() if p} == {a: m for a, m in moved.items() if m}
        assert len({transfer.key for transfer in self.transfers}) == len(self.transfers)
        for account in self.posted:
            open_holds = [h for h in self.holds.values() if h.account == account and not h.state]
            assert self.held[account] == sum(hold.amount for hold in open_holds)
            if account >= FIRST_CUSTOMER:
                self._prove_customer(account)
        for hold in self.holds.values():
            self._prove_hold(hold)
        for limit in self.limits.values():
            self._prove_limit(limit)

    def _prove_limit(self, limit: LimitRow) -> None:
        """No period's holds and charges exceed the cap; what is counted is what there is."""
        mine = [hold for hold in self.holds.values() if hold.limit == limit.id]
        assert limit.charged == sum(hold.charged for hold in mine)
        assert limit.requests == sum(hold.state in PAID for hold in mine)
        for period in {limit.period, *(hold.period for hold in mine)}:
            then = [hold for hold in mine if hold.period == period]
            spent = sum(hold.charged for hold in then)
            held = sum(hold.amount for hold in then if hold.state == HoldState.OPEN)
            if period == limit.period:
                assert (limit.spent, limit.held) == (spent, held)
            assert limit.cap is None or spent + held <= limit.cap + limit.forgiven

    def _prove_customer(self, account: int) -> None:
        assert self.available(account) >= 0
        balance, spent = 0, 0
        for transfer in self.transfers:
            if account in {transfer.debit, transfer.credit}:
                balance += transfer.amount * (1 if transfer.credit == account else -1)
                assert transfer.balance_after == balance
                spent += transfer.amount * (transfer.kind == TransferKind.CHARGE)
        assert self.spent[account] == spent
        ended = [h for h in self.holds.values() if h.account == account and h.state in PAID]
        assert self.requests[account] == len(ended)

    def _prove_hold(self, hold: HoldRow) -> None:
        assert 0 <= hold.charged <= hold.amount
        assert not hold.charged or hold.state in PAID
        charges = self._of(hold, TransferKind.CHARGE)
        assert charges == ([(hold.account, NODE.revenue, hold.charged)] if hold.charged else [])
        lost = hold.uncollected if hold.state == HoldState.LATE else 0
        losses = self._of(hold, TransferKind.LATE_LOSS)
        assert losses == ([(NODE.loss, NODE.revenue, lost)] if lost else [])

    def _of(self, hold: HoldRow, kind: TransferKind) -> list[tuple[int, int, int]]:
        return [
            (one.debit, one.credit, one.amount)
            for one in self.transfers
            if one.kind == kind and one.reference == hold.id
        ]


PAID: Final = {HoldState.SETTLED, HoldState.LATE}
LEGAL_ENDS: Final = {
    (HoldState.OPEN, HoldState.SETTLED),
    (HoldState.OPEN, HoldState.RELEASED),
    (HoldState.OPEN, HoldState.EXPIRED),
    (HoldState.OPEN, HoldState.LATE),  # expired and settled in one batch
    (HoldState.EXPIRED, HoldState.LATE),
}
