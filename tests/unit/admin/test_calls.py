from pathlib import Path

import pytest

from routstr.admin.calls import new_call
from routstr.payment.idempotency.repeats import checked_key
from tests.unit.admin.keys.bureau import open_bureau


def test_a_new_name_is_one_that_nobody_guesses() -> None:
    names = {new_call() for _ in range(100)}
    assert len(names) == 100
    assert all(checked_key(name) == name and len(name) == 32 for name in names)


@pytest.mark.parametrize(("name", "left"), [("n", 6_000), ("", 4_000)])
async def test_only_a_call_that_has_a_name_is_known_again(
    tmp_path: Path, name: str, left: int
) -> None:
    async with open_bureau(tmp_path) as at:
        asked = {"key": (await at.key(8)).key_id, "amount": 2}
        told = [await at.told("POST", "/withdraw", asked, name) for _ in range(2)]
        assert told[-1]["balance"] == left
