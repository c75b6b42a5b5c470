"""From nothing to this version's schema and back, by one process or by many at once."""

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from routstr.core.db import migrate, sqlite
from routstr.core.db.migrate import SchemaMissing, UnknownRevision
from routstr.core.db.sqlite import database_path
from tests.integration.core.db.new_sqlite import migrated, told

ROOT: Final = Path(__file__).parents[4]
TABLES: Final = {
    "accounts",
    "admin_passwords",
    "admin_sessions",
    "admin_sign_ins",
    "admin_tokens",
    "alerts",
    "api_keys",
    "child_keys",
    "claimed_y",
    "doubted_proofs",
    "holds",
    "idempotency",
    "instances",
    "invoices",
    "issued_tokens",
    "key_limits",
    "keysets",
    "latency_sums",
    "metric_sums",
    "mint_quotes",
    "mint_swaps",
    "model_overrides",
    "node_values",
    "nostr_values",
    "operator_calls",
    "options",
    "proofs",
    "provider_objects",
    "providers",
    "reconciliations",
    "sagas",
    "archives",
    "opening_balances",
    "opening_limits",
    "seals",
    "switches",
    "traffic_sums",
    "transfers",
    "usage_progress",
    "usage_sums",
    "verifications",
    "verified_accounts",
    "write_marks",
}


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def tables(url: str) -> set[str]:
    with connected(url) as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def head() -> str:
    return ScriptDirectory.from_config(migrate._config()).get_current_head() or ""


def constraints(connection: Connection) -> dict[str, list[object]]:
    """What ``alembic check`` does not look at: CHECKs, and what an index leaves out."""
    inspector = inspect(connection)
    partial = {
        table: {
            index["name"]: [str(option) for option in index.get("dialect_options", {}).values()]
            for index in inspector.get_indexes(table)
        }
        for table in TABLES
    }
    checks = {
        table: sorted(
            (str(c["name"]), c["sqltext"]) for c in inspector.get_check_constraints(table)
        )
        for table in TABLES
    }
    return {table: [checks[table], partial[table]] for table in TABLES}


def test_an_empty_database_gets_every_table(database_url: str) -> None:
    assert migrate.upgrade(database_url) == head()
    assert tables(database_url) == TABLES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_sqlite_file_is_private_and_keeps_a_write_ahead_log(database_url: str) -> None:
    migrate.upgrade(database_url)
    assert stat.S_IMODE(database_path(database_url).stat().st_mode) == 0o600
    with connected(database_url) as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)
    with connected(database_url) as connection:
        connection.execute(text("INSERT INTO node_values VALUES ('name', '\\x01')"))
    assert migrate.upgrade(database_url) == head()
    with connected(database_url) as connection:
        names = connection.execute(text("SELECT name FROM node_values ORDER BY name")).all()
        assert names == [("name",), ("schema_serves_since",)]


def test_the_way_back_and_forth_again(database_url: str) -> None:
    migrate.upgrade(database_url)
    migrate.downgrade(database_url, "base")
    assert tables(database_url) == set()
    assert migrate.upgrade(database_url) == head()
    assert tables(database_url) == TABLES


def test_the_migrations_make_what_the_models_say(database_url: str) -> None:
    migrate.upgrade(database_url)
    with migrate.locked(database_url) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.check(config)  # raises when anything is missing
        migrated = constraints(connection)
    migrate.downgrade(database_url, "base")
    with connected(database_url) as connection:
        SQLModel.metadata.create_all(connection)
        assert constraints(connection) == migrated


def test_an_sqlite_file_made_at_once_is_what_the_migrations_make(tmp_path: Path) -> None:
    """When it is not: ``python -m tests.integration.core.db.new_sqlite``."""
    at_once = tmp_path / "at_once.db"
    migrate.upgrade(f"sqlite:///{at_once}")

    assert told(at_once) == told(migrated(tmp_path))
    assert f"VALUES('{migrate.REVISION}')" in migrate._AT_ONCE.read_text()


def test_an_sqlite_file_made_at_once_by_an_older_script_is_migrated_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, file = tmp_path / "older.db", tmp_path / "node.db"
    migrate.upgrade(f"sqlite:///{older}", "0018")
    script = tmp_path / "older.sql"
    script.write_text("\n".join(told(older)))
    monkeypatch.setattr(migrate, "_AT_ONCE", script)

    assert migrate.upgrade(f"sqlite:///{file}") == migrate.REVISION
    assert told(file) == told(migrated(tmp_path))


def test_the_migrations_are_one_line_and_named_by_their_revision() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    assert len(scripts.get_heads()) == 1
    assert scripts.get_current_head() == migrate.REVISION
    assert len(scripts.get_bases()) == 1
    revisions = list(scripts.walk_revisions())
    assert not any(one.is_merge_point or one.is_branch_point for one in revisions)
    assert all(Path(one.path).name.startswith(f"{one.revision}_") for one in revisions)


def test_a_database_of_a_newer_version_is_refused_untouched(database_url: str) -> None:
    migrate.upgrade(database_url)
    with connected(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(UnknownRevision, match="revision later"):
        migrate.upgrade(database_url)
    assert tables(database_url) == TABLES


def leave_newer(url: str, since: str | None) -> None:
    """Make it a database of a later version, and say who may go on with it."""
    with connected(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("DELETE FROM node_values"))
        if since is not None:
            row = {"name": "schema_serves_since", "value": since.encode()}
            told = "INSERT INTO node_values (name, value) VALUES (:name, :value)"
            connection.execute(text(told), row)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("since", ["9999 since 0001", f"9999 since {migrate.REVISION}"])
def test_a_newer_schema_that_lets_this_version_work_is_left_as_it_is(
    database_url: str, since: str
) -> None:
    migrate.upgrade(database_url)
    leave_newer(database_url, since)
    assert migrate.upgrade(database_url) == "9999"
    migrate.require_current(database_url)
    assert migrate.revision(database_url) == "9999"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("since", ["9999 since 9998", "9998 since 0001", None])
def test_a_newer_schema_that_does_not_is_refused(database_url: str, since: str | None) -> None:
    migrate.upgrade(database_url)
    leave_newer(database_url, since)
    with pytest.raises(UnknownRevision):
        migrate.upgrade(database_url)
    with pytest.raises(UnknownRevision):
        migrate.require_current(database_url)


def test_a_migrated_database_says_which_older_versions_may_go_on(tmp_path: Path) -> None:
    fresh, grown = (f"sqlite:///{tmp_path / name}" for name in ("fresh.db", "grown.db"))
    migrate.upgrade(fresh)
    migrate.upgrade(grown, "0018")
    migrate.upgrade(grown)
    for url in (fresh, grown):
        with connected(url) as connection:
            asked = text("SELECT value FROM node_values WHERE name = 'schema_serves_since'")
            told = bytes(connection.execute(asked).scalar_one()).decode()
            assert told == f"{migrate.REVISION} since {migrate.SINCE}"


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('b9cda3e9')"))
    with pytest.raises(UnknownRevision):
        migrate.upgrade(url)


def test_asking_for_the_schema_makes_nothing(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        with pytest.raises(SchemaMissing, match="there is no database at"):
            migrate.require_current(database_url)
        assert not database_path(database_url).exists()
        database_path(database_url).touch(mode=0o600)
    with pytest.raises(SchemaMissing, match="no schema, not this version's: run routstr migrate"):
        migrate.require_current(database_url)
    assert tables(database_url) == set()
    migrate.upgrade(database_url)
    migrate.require_current(database_url)
    with connected(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(UnknownRevision, match="revision later"):
        migrate.require_current(database_url)


def test_a_migration_that_fails_leaves_nothing_behind(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(database_url)
    scripts = tmp_path / "migrations"
    shutil.copytree(ROOT / "routstr" / "migrations", scripts)
    (scripts / "versions" / "9999_broken.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{head()}'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE half (id INTEGER)')\n"
        "    op.execute(\"INSERT INTO node_values VALUES ('half', '1')\")\n"
        "    op.execute('ALTER TABLE nonsense ADD COLUMN more INTEGER')\n"
    )
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    monkeypatch.setattr(migrate, "REVISION", "9999")
    with pytest.raises(Exception, match="nonsense"):
        migrate.upgrade(database_url)
    monkeypatch.undo()
    assert tables(database_url) == TABLES
    with connected(database_url) as connection:
        names = connection.execute(text("SELECT name FROM node_values")).all()
        assert names == [("schema_serves_since",)]
    assert migrate.upgrade(database_url) == head()


async def test_many_starts_at_once_migrate_once(database_url: str) -> None:
    together = threading.Barrier(6)

    def upgrade() -> str:
        together.wait(5)
        return migrate.upgrade(database_url)

    revisions = await asyncio.gather(*(asyncio.to_thread(upgrade) for _ in range(6)))
    assert revisions == [head()] * 6
    assert tables(database_url) == TABLES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_switch_to_the_write_ahead_log_waits_for_others(database_url: str) -> None:
    other = sqlite3.connect(database_path(database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    upgrading = asyncio.create_task(asyncio.to_thread(migrate.upgrade, database_url))
    await asyncio.sleep(0.1)
    other.close()
    assert await upgrading == head()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_stays_locked_is_not_waited_for_for_ever(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.1)
    other = sqlite3.connect(database_path(database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        migrate.upgrade(database_url)
    other.close()


def surroundings(database_url: str, folder: Path) -> dict[str, str]:
    """No more of the environment than a program needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}  # noqa: TID251
    return {**kept, "HOME": str(folder), "DATABASE_URL": database_url}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_plain_alembic_works_from_the_root(database_url: str, tmp_path: Path) -> None:
    """By two processes at once: locks of files are between processes."""
    alembic = Path(sys.executable).with_name("alembic")
    running = [
        await asyncio.create_subprocess_exec(
            *(str(alembic), "upgrade", "head"),
            cwd=ROOT,
            env=surroundings(database_url, tmp_path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        for _ in range(2)
    ]
    for process in running:
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
    assert migrate.upgrade(database_url) == head()
    assert tables(database_url) == TABLES
