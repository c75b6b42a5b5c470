"""Transfers and open holds as the operator reads them."""

from routstr.ledger.browse import Entered, Filter, open_holds, transfers
from routstr.ledger.entries import AccountKind, Held, TransferKind
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement


async def charge(bank: Bank, account: int, cost: int) -> None:
    held = await bank.ledger.hold(request(account, 100))
    assert isinstance(held, Held)
    await bank.ledger.settle(settlement(held.hold, cost))


ALL = Filter()


async def listed(
    bank: Bank, which: Filter = ALL, *, limit: int = 50, before: int | None = None
) -> list[Entered]:
    return await bank.db.read(lambda c: transfers(c, which, limit=limit, before=before))


async def test_both_sides_are_named_newest_first(bank: Bank) -> None:
    account = await bank.customer(1_000)
    await charge(bank, account, 60)
    charged, paid_in = await listed(bank, Filter(account=account))
    assert (charged.kind, charged.amount, charged.balance_after) == (
        TransferKind.CHARGE, Msat(60), Msat(940),
    )  # fmt: skip
    assert (charged.debit.id, charged.debit.kind, charged.debit.name) == (
        account, AccountKind.KEY, None,
    )  # fmt: skip
    assert (charged.credit.name, charged.model) == ("revenue", "a/model")
    assert (paid_in.credit.id, paid_in.debit.kind) == (account, AccountKind.ASSET)


async def test_filters_and_pages_put_together_are_the_whole(bank: Bank) -> None:
    one, other = await bank.customer(1_000), await bank.customer(1_000)
    for _ in range(3):
        bank.clock.advance(seconds=100)
        await charge(bank, one, 5)
        await charge(bank, other, 7)
        await bank.deposit(one, 2)
    kinds = (None, TransferKind.CHARGE, TransferKind.DEPOSIT, TransferKind.PAYOUT)
    start = bank.clock.now_ms() - 150_000
    for kind in kinds:
        for account in (None, one):
            for since, until in ((None, None), (start, None), (None, start)):
                which = Filter(kind, account, since, until)
                whole = [
                    entered
                    for entered in await listed(bank)
                    if kind in (None, entered.kind)
                    and account in (None, entered.debit.id, entered.credit.id)
                    and (since is None or entered.at >= since)
                    and (until is None or entered.at < until)
                ]
                pages: list[Entered] = []
                before = None
                while page := await listed(bank, which, limit=2, before=before):
                    pages, before = pages + page, page[-1].id
                assert pages == whole


async def test_what_is_held_is_listed_until_it_ends(bank: Bank) -> None:
    account, other = await bank.customer(1_000), await bank.customer(1_000)
    held = await bank.ledger.hold(request(account, 300))
    await bank.ledger.hold(request(other, 300))
    assert isinstance(held, Held)
    [found] = await bank.db.read(lambda c: open_holds(c, account, 9))
    assert (found.id, found.amount, found.model) == (held.hold, Msat(300), "a/model")
    await bank.ledger.release(held.hold)
    assert await bank.db.read(lambda c: open_holds(c, account, 9)) == []
