"""Databases with the schema and nothing else, many of them, quickly."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from devkit.postgres import Postgres
from routstr.core.db import migrate
from routstr.core.db.sqlite import create_file, database_path

SQLITE: Final = "sqlite"
POSTGRES: Final = "postgres"


class Place(Protocol):
    """Where worlds are made."""

    name: str

    def create(self) -> str:
        """The URL of a new database."""
        ...

    def remove(self, url: str) -> None: ...


class SqlitePlace:
    """Files in a folder."""

    name = SQLITE

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._empty = f"sqlite:///{folder / 'empty.db'}"
        migrate.upgrade(self._empty)

    def create(self) -> str:
        self._made += 1
        url = f"sqlite:///{self._folder / f'money-{self._made}.db'}"
        create_file(url)
        shutil.copyfile(database_path(self._empty), database_path(url))
        return url

    def remove(self, url: str) -> None:
        for file in self._folder.glob(f"{database_path(url).name}*"):
            file.unlink()


class PostgresPlace:
    """Databases of one server."""

    name = POSTGRES

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._empty = server.create_database()
        migrate.upgrade(self._empty)

    def create(self) -> str:
        return self._server.create_database(copy_of=self._empty)

    def remove(self, url: str) -> None:
        self._server.drop_database(url)


class Ear(logging.Handler):
    """Hears what the nodes log about sagas that failed in a way that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.heard.append(record.exc_info[1])


@contextmanager
def listening() -> Iterator[Ear]:
    """Keep logs off the terminal, and listen.

    The driver of PostgreSQL warns of each statement that fails inside of a pipeline: here, of every
    second claim to a proof.
    """
    ear = Ear()
    loggers = [logging.getLogger(name) for name in ("routstr", "psycopg")]
    before = [(logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(ear)
        logger.propagate = False
        logger.setLevel(logging.ERROR)
    try:
        yield ear
    finally:
        for logger, (propagate, level) in zip(loggers, before, strict=True):
            logger.removeHandler(ear)
            logger.propagate = propagate
            logger.setLevel(level)
