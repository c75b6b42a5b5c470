"""What a node promises about money, as dictionaries and whole numbers of msat.

This is the specification that the node is compared with. It knows no database, no mint, no thread
and no order of events: each method is one event, and raises :class:`Impossible` when a node that
keeps its promises could not let it happen now.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from tests.fuzz.records import (
    Account,
    Deposit,
    End,
    Hold,
    Leaving,
    Limit,
    Passing,
    Refund,
    Stage,
    Ys,
)

_HOLDS_REMEMBERED_MAX: Final = 80


class Impossible(Exception):
    """This may not happen in this state."""


def demand(condition: bool, told: str) -> None:
    """Raise :class:`Impossible` unless the condition holds."""
    if not condition:
        raise Impossible(told)


@dataclass(slots=True)
class Model:
    """Everything that the books say."""

    accounts: dict[int, Account] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    deposits: dict[Ys, Deposit] = field(default_factory=dict)
    refunds: dict[int, Refund] = field(default_factory=dict)  # by saga
    leavings: dict[int, Leaving] = field(default_factory=dict)  # by saga
    limits: dict[int, Limit] = field(default_factory=dict)
    passings: dict[Ys, Passing] = field(default_factory=dict)  # by the token
    ordered: dict[Ys, Ys] = field(default_factory=dict)  # tokens by the invoices they should pay
    unclaimed: int = 0
    in_flight: int = 0
    transit: int = 0
    revenue: int = 0
    loss: int = 0
    payouts: int = 0
    mint_fees: int = 0
    donations: int = 0

    def fork(self) -> "Model":
        """A copy that can go another way."""
        return replace(
            self,
            accounts=dict(self.accounts),
            holds=dict(self.holds),
            deposits=dict(self.deposits),
            refunds=dict(self.refunds),
            leavings=dict(self.leavings),
            limits=dict(self.limits),
            passings=dict(self.passings),
            ordered=dict(self.ordered),
        )

    @property
    def surplus(self) -> int:
        """What is the operator's own."""
        return self.revenue + self.donations - self.loss - self.payouts - self.mint_fees

    def account(self, account: int) -> Account:
        demand(account in self.accounts, f"account {account} does not exist")
        return self.accounts[account]

    def redeem(self, ys: Ys, purpose: str, account: int, net: int, *, more: bool = False) -> None:
        """A token's value arrives, once; the same token for the same end changes nothing.

        ``more``: what it made is there already.
        """
        known = self.deposits.get(ys)
        if known is not None:
            demand(known == Deposit(purpose, account, net), f"the token was redeemed as {known}")
            return
        demand(not self.overlaps(ys), "a part of the token was redeemed before")
        demand(net > 0, "the token is worth nothing after the fee")
        demand(
            (account in self.accounts) == (more or "topup" in purpose), f"{purpose} into {account}"
        )
        self.deposits[ys] = Deposit(purpose, account, net)
        if purpose == "donation":
            self.donations += net
            return
        before = self.accounts.get(account, Account())
        self.accounts[account] = replace(
            before, total=before.total + net, deposited=before.deposited + net
        )

    def overlaps(self, ys: Ys) -> bool:
        """Whether any of these proofs was redeemed, or is spent, as a part of any token."""
        return any(not ys.isdisjoint(known) for known in (*self.deposits, *self.passings))

    def place(
        self,
        hold: int,
        account: int,
        minimum: int,
        wanted: int,
        *,
        closes: bool = False,
        limit: int | None = None,
        period: int = 0,
    ) -> int:
        """Set aside what is wanted, less if there is less, but not below the minimum.

        ``closes``: the account pays for one request and no other. ``limit``: it is a child key that
        spends, in this period.
        """
        owner = self.account(account)
        demand(not owner.closed, f"account {account} has paid for its one request")
        demand(hold not in self.holds, f"hold {hold} exists")
        demand(owner.available >= minimum, f"{owner.available} msat are available")
        amount = min(owner.available, max(minimum, wanted))
        if limit is not None:
            allowed = self.enter(limit, period)
            demand(not allowed.revoked, f"child {limit} is revoked")
            demand(allowed.left >= minimum, f"the limit leaves {allowed.left} msat")
            amount, period = min(amount, allowed.left), allowed.period
            self.limits[limit] = replace(allowed, held=allowed.held + amount)
        self.holds[hold] = Hold(account, amount, limit=limit, period=period)
        self.accounts[account] = replace(owner, held=owner.held + amount, closed=closes)
        return amount

    def enter(self, limit: int, period: int) -> Limit:
        """Count in this period of a limit, unless a later one has begun."""
        self.limits[limit] = self.limits[limit].entered(period)
        return self.limits[limit]

    def settle(self, hold: int, cost: int, period: int = 0) -> Hold:
        """Charge at most what is held; after an expiry, once, at most what is there too.

        ``period``: that of a child's limit, for the latter.
        """
        was = self._hold(hold)
        owner = self.account(was.account)
        if was.end is End.OPEN:
            charged = min(cost, was.amount)
            owner = replace(owner, held=owner.held - was.amount)
            self._uncount(was)
            now = replace(was, end=End.SETTLED, charged=charged, uncollected=cost - charged)
        elif was.end is End.EXPIRED:
            owed = min(cost, was.amount)
            charged = min(owed, owner.available)
            if was.limit is not None:
                allowed = self.enter(was.limit, period)
                charged = min(charged, allowed.left)
                was = replace(was, period=allowed.period)
            now = replace(was, end=End.LATE, charged=charged, uncollected=owed - charged)
            self.loss += owed - charged
            self.revenue += owed - charged
        else:
            return was
        self.revenue += charged
        self._count(now)
        self.holds[hold] = now
        self.accounts[was.account] = replace(owner, total=owner.total - charged)
        return now

    def release(self, hold: int, end: End = End.RELEASED) -> Hold:
        """Nothing is charged. What has ended stays as it ended."""
        was = self._hold(hold)
        if was.end is End.OPEN:
            owner = self.account(was.account)
            self.holds[hold] = replace(was, end=end)
            self.accounts[was.account] = replace(owner, held=owner.held - was.amount)
            self._uncount(was)
        return self.holds[hold]

    def _uncount(self, hold: Hold) -> None:
        """A hold of a child's has ended; in a later period it counts no more."""
        if hold.limit is not None and (it := self.limits[hold.limit]).period == hold.period:
            self.limits[hold.limit] = replace(it, held=it.held - hold.amount)

    def _count(self, hold: Hold) -> None:
        """A child is charged, in the period of its hold."""
        if hold.limit is not None:
            it = self.limits[hold.limit]
            now = hold.charged if it.period == hold.period else 0
            it = replace(it, counted=it.counted + now, total=it.total + hold.charged)
            self.limits[hold.limit] = it

    def expire(self, hold: int) -> None:
        """The owner is gone."""
        demand(self._hold(hold).end is End.OPEN, f"hold {hold} is not open")
        self.release(hold, End.EXPIRED)

    def debit(self, saga: int, account: int | None, gross: int, deposited: int = 0) -> None:
        """A refund takes its amount from the balance before anything is asked of a mint.

        ``deposited``: what had come in by when it was asked for; more may have come in since.
        """
        demand(saga not in self.refunds, f"refund {saga} exists")
        demand(gross > 0, f"{gross} msat are given back")
        if account is not None:
            known = self.account(account).deposited
            demand(deposited <= known, f"{deposited} msat had come in by then, {known} by now")
        self._move_back(account, -gross)
        self.refunds[saga] = Refund(account, gross, deposited)
        self.unclaimed += gross

    def issue(self, saga: int, fee: int) -> None:
        """The token exists; the mint's fee is its owner's."""
        was = self._refund(saga, Stage.OPEN)
        demand(0 <= fee < was.gross, f"a fee of {fee} of {was.gross} msat")
        self.refunds[saga] = replace(was, net=was.gross - fee, stage=Stage.ISSUED)
        self.unclaimed -= fee

    def undo(self, saga: int) -> None:
        """There will be no token: the amount is back."""
        was = self._refund(saga, Stage.OPEN)
        self.refunds[saga] = replace(was, stage=Stage.UNDONE)
        self._move_back(was.account, was.gross)
        self.unclaimed -= was.gross

    def claim(self, saga: int) -> None:
        """The node learns that its owner redeemed the token."""
        was = self._refund(saga, Stage.ISSUED)
        self.refunds[saga] = replace(was, stage=Stage.CLAIMED)
        self.unclaimed -= was.net

    def given(self, account: int) -> frozenset[int]:
        """The tokens that were given out for an account."""
        told = (Stage.ISSUED, Stage.CLAIMED)
        mine = (s for s, r in self.refunds.items() if r.account == account and r.stage in told)
        return frozenset(mine)

    def unredeemed(self, account: int) -> frozenset[int]:
        """Those that a refund tells: not redeemed, and given out since money last came in."""
        deposited = self.account(account).deposited
        refunds = self.refunds
        return frozenset(s for s in self.issued(account) if refunds[s].deposited == deposited)

    def issued(self, account: int) -> frozenset[int]:
        """Those that are not known to be redeemed, whenever they were given out."""
        given = self.given(account)
        return frozenset(saga for saga in given if self.refunds[saga].stage is Stage.ISSUED)

    def leave(self, saga: int, account: int | None, gross: int) -> None:
        """The most that can leave over Lightning is nobody else's from now on."""
        demand(saga not in self.leavings, f"payment {saga} exists")
        demand(gross > 0, f"{gross} msat leave")
        self.leavings[saga] = Leaving(account, gross)
        self.in_flight += gross
        self._move_back(account, -gross)

    def arrive(self, saga: int, spent: int) -> None:
        """It was paid; what the mint did not keep is back."""
        was = self._leaving(saga)
        demand(0 < spent <= was.gross, f"{spent} of {was.gross} msat were kept")
        self.leavings[saga] = replace(was, spent=spent, stage=Stage.ISSUED)
        self.in_flight -= was.gross
        self._move_back(was.account, was.gross - spent)

    def stay(self, saga: int) -> None:
        """It was not paid: all of it is back."""
        was = self._leaving(saga)
        self.leavings[saga] = replace(was, stage=Stage.UNDONE)
        self.in_flight -= was.gross
        self._move_back(was.account, was.gross)

    def set_aside(self, fees: int) -> None:
        """The most that moving own ecash can cost is taken from what is the operator's own."""
        self.mint_fees += fees
        self.transit += fees

    def pass_by(self, amount: int) -> None:
        """So much has arrived from between mints; below zero: left, or was kept by a mint."""
        self.transit += amount

    def _move_back(self, account: int | None, amount: int) -> None:
        if account is None:
            self.payouts -= amount
            return
        owner = self.account(account)
        demand(owner.available + amount >= 0, f"{-amount} of {owner.available} msat leave")
        self.accounts[account] = replace(owner, total=owner.total + amount)

    def _leaving(self, saga: int) -> Leaving:
        demand(saga in self.leavings, f"payment {saga} does not exist")
        demand(self.leavings[saga].stage is Stage.OPEN, f"payment {saga} has ended")
        return self.leavings[saga]

    def forget(self) -> None:
        """Leave out what ended long ago: nobody asks for it again."""
        ended = [hold for hold, it in self.holds.items() if it.end is not End.OPEN]
        for hold in ended[: max(0, len(ended) - _HOLDS_REMEMBERED_MAX)]:
            del self.holds[hold]

    def _hold(self, hold: int) -> Hold:
        demand(hold in self.holds, f"hold {hold} does not exist")
        return self.holds[hold]

    def _refund(self, saga: int, stage: Stage) -> Refund:
        demand(saga in self.refunds, f"refund {saga} does not exist")
        found = self.refunds[saga]
        demand(found.stage is stage, f"refund {saga} is {found.stage}")
        return found
