"""Lines of an archive are read strictly: what is no row is told."""

import pytest

from routstr.ledger.archive_rows import NotARow, read_hold, read_transfer

TRANSFER = "7,3,9,40,2,430000000000000005,5,,1700000000000"
HOLD = '[5,3,50,1,40,0,1,"r","m","e",1,"p=1",1,2,0,"p",20,100,200,null,null]'


def test_a_transfer_is_read_as_it_was_sealed() -> None:
    one = read_transfer(TRANSFER)
    assert (one.id, one.debit, one.credit, one.amount, one.reference) == (7, 3, 9, 40, 5)
    assert one.is_charge
    assert not read_transfer(TRANSFER.replace(",2,", ",1,", 1)).is_charge


@pytest.mark.parametrize(
    "line", ["", "1,2,3", f"{TRANSFER},1", TRANSFER.replace("40", "4.0"), TRANSFER[1:]]
)
def test_what_is_no_transfer_is_told(line: str) -> None:
    with pytest.raises(NotARow, match="this is no transfer"):
        read_transfer(line)


def test_a_hold_is_read_with_its_limit() -> None:
    one = read_hold(HOLD)
    assert (one.id, one.charged, one.limit_id, one.rates) == (5, 40, None, "p=1")
    assert read_hold(HOLD.replace("null,null", "8,0")).limit_id == 8


@pytest.mark.parametrize("line", ["", "[]", "{}", HOLD[:-1], HOLD.replace("40", '"40"'), "\ud800"])
def test_what_is_no_hold_is_told(line: str) -> None:
    with pytest.raises(NotARow, match="this is no hold"):
        read_hold(line)
