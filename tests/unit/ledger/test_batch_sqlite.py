import pytest

from routstr.ledger import batch_sqlite


@pytest.mark.parametrize("count", [0, 1, 2, 3, 13, 31, 127, 128, 129, 200, 1_000])
def test_rows_are_cut_into_few_sizes(count: int) -> None:
    chunks = list(batch_sqlite._chunks(range(count)))
    assert [row for chunk in chunks for row in chunk] == list(range(count))
    assert {len(chunk) for chunk in chunks} <= {*range(1, 17), 32, 64, 128}
    assert len(chunks) <= count // 128 + 4
