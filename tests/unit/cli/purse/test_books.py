"""Change settles its payment in the transaction that brings it."""

from routstr.cli.purse import books
from routstr.money import Unit
from routstr.wallet import purse as proofs
from routstr.wallet.models import IssuedState
from tests.unit.cli.purse.counter import NODE, Counter


async def test_a_payment_is_settled_once_and_with_its_change(counter: Counter) -> None:
    await counter.fill(16)
    paid = await counter.purse.pay(4, Unit.SAT, counter.mint.url, NODE)
    await counter.purse.settle_with(paid, counter.change(2))

    async def state() -> IssuedState:
        issued = await counter.world.db.read(lambda c: proofs.issued_by(c, paid.id))
        return issued.state

    assert await state() is IssuedState.CLAIMED
    await counter.world.db.write(lambda tx: books.settle(tx, paid.id, 9))
    assert await state() is IssuedState.CLAIMED
