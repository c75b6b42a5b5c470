"""Parts are cut anywhere, between seals or inside of them, and together they are everything."""

from pathlib import Path

import pytest

from routstr.payment.archive import parts, reading
from tests.integration.ledger.bank import Bank
from tests.integration.payment.archive import attic


@pytest.mark.parametrize("rows", [1, 3, 7, 1_000])
async def test_a_part_of_any_size_with_seals_of_any_size(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    account = await attic.past(bank, 6)
    await attic.present(bank, account)
    await attic.close_the_books(bank, rows=4)
    monkeypatch.setattr(parts, "PART_ROWS", rows)
    made = await attic.archive(bank, tmp_path / "one")
    assert await attic.broken(bank) == []
    found = list(reading.Walk().parts(tmp_path / "one"))
    assert max(len(one.transfers) for one in found) <= rows
    assert sum(len(one.transfers) for one in found) == made.removed
    numbers = [number for one in found for number in one.seals]
    assert numbers == list(range(1, made.seal + 1))
