"""Reading another node's database: what is documented, and nothing that is not as documented."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from routstr.cli.importing.source import NoSource, read

SECRET = "ab" * 32


def made(folder: Path, *statements: str) -> Path:
    file = folder / "keys.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return file


def test_two_columns_are_enough(tmp_path: Path) -> None:
    file = made(
        tmp_path,
        "CREATE TABLE api_keys (hashed_key TEXT PRIMARY KEY, balance INTEGER)",
        f"INSERT INTO api_keys VALUES ('{SECRET}', 5000), ('sk-{SECRET[:-2]}cd', -3)",
    )
    before = file.read_bytes()
    found = read(file)
    assert [(one.key, one.balance) for one in found.keys] == [
        (f"sk-{SECRET}", 5_000),
        (f"sk-{SECRET[:-2]}cd", 0),
    ]
    assert (found.providers, found.left_out) == ([], [])
    assert file.read_bytes() == before
    assert SECRET not in repr(found)


def test_all_documented_columns_are_read(tmp_path: Path) -> None:
    file = made(
        tmp_path,
        "CREATE TABLE api_keys (hashed_key TEXT, balance INTEGER, total_spent INTEGER,"
        " parent_key_hash TEXT, balance_limit INTEGER, balance_limit_reset TEXT,"
        " validity_date INTEGER, key_expiry_time INTEGER, refund_address TEXT, other TEXT)",
        f"INSERT INTO api_keys VALUES ('{SECRET}', 0, 7, 'cd', 9, 'daily', 200, 100, 'a@b', 'x')",
        "CREATE TABLE upstream_providers (slug TEXT, provider_type TEXT, base_url TEXT,"
        " api_key TEXT, enabled INTEGER, provider_fee REAL)",
        "INSERT INTO upstream_providers VALUES ('one', 'openai', 'https://x', 'sk-up', 0, 1.01),"
        " ('two', NULL, 'https://x', '', 1, NULL)",
    )
    found = read(file)
    (key,), (provider,) = found.keys, found.providers
    assert (key.spent, key.parent, key.limit, key.reset) == (7, "cd", 9, "daily")
    assert (key.expires_at, key.refund_address) == (100, "a@b")
    assert (provider.slug, provider.enabled, provider.fee) == ("one", False, "1.01")
    assert provider.key.reveal() == "sk-up"
    assert found.left_out == ["1 providers without type or address"]


def test_rows_that_are_no_keys_are_left_out_and_told(tmp_path: Path) -> None:
    file = made(
        tmp_path,
        "CREATE TABLE api_keys (hashed_key TEXT, balance INTEGER)",
        f"INSERT INTO api_keys VALUES ('short', 1), (NULL, 1), ('{SECRET}', 'much')",
    )
    assert read(file).left_out == [
        "key 1: hashed_key is no key",
        "key 2: hashed_key is no key",
        "key 3: balance is no whole number",
    ]


@pytest.mark.parametrize("moment", [-1, 253_402_300_800, 2**60])
def test_a_key_that_ends_at_no_time_is_left_out(tmp_path: Path, moment: int) -> None:
    file = made(
        tmp_path,
        "CREATE TABLE api_keys (hashed_key TEXT, balance INTEGER, validity_date INTEGER)",
        f"INSERT INTO api_keys VALUES ('{SECRET}', 1, {moment})",
    )
    assert read(file).left_out == ["key 1: validity_date is no Unix time in seconds"]


def test_another_file_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="no file"):
        read(tmp_path / "missing")
    (tmp_path / "text").write_text("not a database, and long enough to be read as one" * 9)
    with pytest.raises(NoSource, match="cannot be read"):
        read(tmp_path / "text")
    with pytest.raises(NoSource, match="no table api_keys"):
        read(made(tmp_path, "CREATE TABLE api_keys (id INTEGER)"))
