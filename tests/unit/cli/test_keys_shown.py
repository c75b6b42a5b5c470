"""Keys as a list and one by one."""

import json

import pytest

from routstr.admin.keys.schemas import KeyDetail, LimitInfo
from routstr.cli import keys_shown
from tests.unit.cli.stage import Stage

KEY = KeyDetail(
    id="key_0123456789abcdef",
    name="mine",
    note=None,
    state="active",
    parent=None,
    balance=12_000,
    reserved=0,
    total=12_000,
    total_spent=3_000,
    total_requests=4,
    created_at=1_700_000_000,
    last_used_at=None,
    expires_at=None,
    revoked_at=None,
    limit=LimitInfo(
        cap=9_000, reset="daily", spent=3_000, left=6_000, total_spent=3_000, total_requests=4
    ),
    mint_url="https://mint.example",
    unit="sat",
    refund_address=None,
    metadata={},
    children=[],
    holds=[],
    tokens=[],
)


def test_no_key_yet_is_an_empty_list(database: Stage) -> None:
    said = database.run("list", "--json", group="keys")
    assert json.loads(said.output) == {"keys": [], "next_before": None}
    assert database.run(group="keys").status == 0
    assert "no key with this id" in database.run("show", "key_nobody", group="keys").error


def test_one_key_is_told_in_words_or_as_json(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    keys_shown.show(KEY, json=False)
    keys_shown.show(KEY, json=True)
    words, _, plain = capsys.readouterr().out.rpartition("\n{")
    assert "12,000 msat" in words
    assert "3,000 of 9,000 msat spent, begins anew daily" in words
    assert "2023-11-14 22:13:20" in words
    assert json.loads("{" + plain)["id"] == KEY.id
