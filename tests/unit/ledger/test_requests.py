from pathlib import Path

from sqlalchemy import Connection

from routstr.ledger.entries import HoldState
from routstr.ledger.requests import Held, holds_of, money_of
from tests.unit.payment.lightning import open_desk
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.signing import Signer


async def test_a_request_is_found_near_its_time_with_what_it_paid(tmp_path: Path) -> None:
    async with open_desk(tmp_path, PayingMint(Signer(fee=0))) as desk:
        await desk.earn(await desk.account(4), 4)
        now = desk.world.clock.now_ms()

        def find(connection: Connection) -> list[list[Held]]:
            return [
                holds_of(connection, "r", now - 1_000, now + 1_000),
                holds_of(connection, "r", now + 1_000, now + 2_000),
                holds_of(connection, "r", now - 9_000, now - 8_000),
                holds_of(connection, "other", 0, now),
            ]

        [[held], *others] = await desk.world.db.read(find)
        assert others == [[], [], []]
        assert (held.state, held.charged, held.model) == (HoldState.SETTLED, 4_000, "m")
        [charge] = await desk.world.db.read(lambda connection: money_of(connection, held))
        assert (charge.amount, charge.request_id) == (4_000, "r")
