"""What a new SQLite database begins as: ``python -m tests.integration.core.db.new_sqlite``."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from routstr.core.db import migrate

FRAME: Final = {"BEGIN TRANSACTION;", "COMMIT;"}


def told(file: Path) -> list[str]:
    """The statements that make a database what it is, rows included."""
    with closing(sqlite3.connect(file)) as connection:
        return [statement for statement in connection.iterdump() if statement not in FRAME]


def migrated(folder: Path) -> Path:
    """A new database that went through every migration."""
    file = folder / "migrated.db"
    migrate.upgrade(f"sqlite:///{file}", migrate.REVISION)
    return file


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        statements = told(migrated(Path(name)))
    migrate._AT_ONCE.write_text("".join(f"{one}\n" for one in statements), encoding="utf-8")
