from pathlib import Path

import pytest

from routstr.admin.books.desk import InvoiceQuery, TransferQuery
from routstr.errors import MintUnreachable
from tests.unit.admin.keys.bureau import open_bureau


async def test_a_page_says_where_the_next_one_begins(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        for _ in range(3):
            await at.key(1)
        first = await at.books.transfers(TransferQuery(kind="deposit"), limit=2)
        rest = await at.books.transfers(TransferQuery(kind="deposit"), first.next_before, 2)
        assert [len(one.transfers) for one in (first, rest)] == [2, 1]
        assert rest.next_before is None
        assert (await at.books.invoices(InvoiceQuery(search="00" * 32))).invoices == []


async def test_a_mint_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_bureau(tmp_path) as at:
        made = await at.actions.withdraw("a", (await at.key(8)).key_id)

        async def silent(_: int) -> bool:
            raise MintUnreachable

        monkeypatch.setattr(type(at.books.claims), "ask", lambda _self, saga: silent(saga))
        with pytest.raises(MintUnreachable):
            await at.books.ask_mint(made.id)
