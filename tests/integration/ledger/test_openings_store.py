"""Stored sums are those of all parts, in whichever order they were added."""

from msgspec.structs import replace

from routstr.ledger import openings_store
from routstr.ledger.limits import Reset
from routstr.ledger.openings import Openings
from tests.integration.ledger.bank import Bank
from tests.unit.ledger.test_openings import CHARGE, HOLD


async def test_parts_add_up(url: str) -> None:
    async with Bank(url) as bank:
        await _parts_add_up(bank)


async def _parts_add_up(bank: Bank) -> None:
    account, other = await bank.customer(), await bank.customer()
    mark = await bank.limit(account, None, Reset.DAILY)
    everything, days = Openings(), (0, 86_400_000, 0, 172_800_000)
    for number, day in enumerate(days, 1):
        part = Openings()
        for sums in (part, everything):
            sums.add_charge(replace(CHARGE, debit=account, credit=other, amount=number))
            sums.add_hold(
                replace(
                    HOLD, account=account, charged=number, limit_id=mark.limit, limit_period=day
                )
            )
        await bank.db.write(lambda tx, part=part: openings_store.add(tx, part))  # type: ignore[misc]
    stored = await bank.db.read(openings_store.read)
    assert list(stored.lines()) == list(everything.lines())
    assert stored.digest() == everything.digest()
    await bank.db.write(lambda tx: openings_store.add(tx, Openings()))
    assert (await bank.db.read(openings_store.read)).digest() == everything.digest()
