"""A node that can be ordered to die: the tests' composition root.

``python -m tests.crash.node --port N`` is ``routstr serve`` with another database backend and
nothing else. Orders are given through files in the working folder, see ``tests.crash.killing``.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from routstr.cli.server import run
from routstr.core.db import open_backend
from routstr.core.settings import Settings, load_settings
from routstr.main import App, create_app
from tests.crash.killing import Journal, KillingBackend


def build(settings: Settings) -> App:
    """Put the node together with the backend that dies on order."""
    inner = open_backend(settings.database_url.reveal())
    return create_app(settings, backend=KillingBackend(inner, Journal(Path.cwd())))


def main(arguments: list[str], build: Callable[[Settings], App] = build) -> int:
    """Serve what ``build`` makes until the end; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.node")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    address = parser.parse_args(arguments)
    return 0 if run(load_settings(), address.host, address.port, build) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
