from functools import partial
from pathlib import Path

import pytest

from routstr.money import Msat
from routstr.wallet import papers
from routstr.wallet.models import IssuedState, QuoteState, SagaKind, SagaState
from routstr.wallet.papers import GivenToken, Moved, Page
from tests.unit.admin.keys.bureau import Bureau, open_bureau


async def tokens(
    at: Bureau, state: str = "", *, account: int | None = None, limit: int = 9,
    before: int | None = None,
) -> Page:  # fmt: skip
    return await at.world.world.db.read(
        lambda c: papers.given_tokens(c, state, account=account, limit=limit, before=before)
    )


async def test_tokens_are_listed_a_page_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_bureau(tmp_path) as at:
        payer = await at.key(64)
        made = [
            await at.actions.withdraw(str(sats), payer.key_id, sats_of(sats)) for sats in (1, 2, 3)
        ]
        page = await tokens(at, limit=2)
        assert [one.amount for one in page.rows] == [3, 2]
        rest = await tokens(at, before=page.next_before)
        [first] = rest.rows
        assert isinstance(first, GivenToken)
        assert (first.saga, first.worth, first.state) == (made[0].id, 1_000, IssuedState.UNCLAIMED)
        assert (await tokens(at, "collected")).rows == []
        assert (await tokens(at, "pending")).rows == []
        assert len((await tokens(at, "issued", account=payer.account)).rows) == 3
        monkeypatch.setattr(papers, "WINDOW", 1)
        bounded = await tokens(at, "collected")
        assert (bounded.rows, bounded.next_before) == ([], made[2].id)


def sats_of(amount: int) -> Msat:

    return Msat(amount * 1_000)


async def test_movements_are_of_the_kinds_that_are_asked_for(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        payer = await at.key(64)
        await at.actions.withdraw("a", payer.key_id)
        read = at.world.world.db.read
        for kind, issued in ((SagaKind.SEND, IssuedState.UNCLAIMED), (SagaKind.RECEIVE, None)):
            page = await read(partial(papers.moved, kinds=(kind,), limit=9, before=None))
            [one] = page.rows
            assert isinstance(one, Moved)
            assert (one.gross, one.state, one.issued) == (64, SagaState.DONE, issued)


async def test_there_are_no_invoices_before_one_is_made(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        page = await at.world.world.db.read(
            lambda c: papers.quotes(
                c, states=(QuoteState.UNPAID,), purpose="x", payment_hash=b"", limit=9, before=None
            )
        )
        assert page == Page([], None)
