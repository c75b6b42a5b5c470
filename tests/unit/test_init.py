import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import routstr
from devkit.ports import free_port
from routstr.core.db import migrate

LOADED_MAX: Final = 1_217
"""Modules of the node and its libraries, loaded at the first answer."""
LATER: Final = {
    *("alembic", "bpe_openai", "mako", "nostr_sdk", "psycopg", "redis", "routstr.core.otel"),
    *(
        "pygments",
        "rich",
        "routstr.cli.tree",
        "segno",
        "sqlalchemy.dialects.postgresql",
        "structlog",
    ),
    *("tomllib", "typer"),
}
"""What only some nodes, commands or pages need."""
STARTED: Final = """
import os, signal, socket, sys, threading, time
from pathlib import Path
from routstr.cli import main

def answered():
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as node:
            node.sendall(b"GET /v1/models HTTP/1.1\\r\\nHost: node\\r\\n\\r\\n")
            return b" 200 " in node.recv(64)
    except OSError:
        return False

def ask():
    while not answered():
        time.sleep(0.01)
    Path(loaded).write_text(" ".join(list(sys.modules)))
    os.kill(os.getpid(), signal.SIGTERM)

port, loaded = sys.argv[1:]
sys.argv = ["routstr", "serve", "--port", port, "--host", "127.0.0.1"]
threading.Thread(target=ask).start()
main()
"""


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "fastapi, sqlalchemy, aiohttp, coincurve, pydantic"
    code = f"import sys, routstr; print([m for m in {heavy.split(', ')} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_a_node_has_loaded_only_what_its_first_answer_needs(tmp_path: Path) -> None:
    """What is loaded is most of the time of a start, and most of a node's memory."""
    database, loaded = f"sqlite:///{tmp_path / 'node.db'}", tmp_path / "loaded"
    migrate.upgrade(database)  # once for a version
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DATABASE_URL": database,
        "ROUTSTR_SECRET_KEY": "5e" * 32,
        "LOG_DIR": str(tmp_path),
        "ENABLE_CONSOLE_LOGGING": "false",
    }
    subprocess.run(
        [sys.executable, "-c", STARTED, str(free_port()), str(loaded)],
        check=True, timeout=60, cwd=tmp_path, env=environment,
    )  # fmt: skip
    modules = set(loaded.read_text().split())
    assert modules >= {"routstr.main", "uvicorn", "sqlalchemy"}
    assert modules & LATER == set()
    others = [name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names]
    assert len(others) <= LOADED_MAX


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = routstr.nothing


def test_the_application_is_built_from_the_environment_on_first_use(tmp_path: Path) -> None:
    code = "import routstr; print(routstr.fastapi_app.settings.name)"
    environment = {"NAME": "A node of this test", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
        env=environment,
    )
    assert done.stdout.strip() == "A node of this test"
