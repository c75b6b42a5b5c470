"""A node that can be ordered to die: the tests' composition root.

``python -m tests.crash.node --port N`` is ``routstr serve`` with another database backend and
nothing else. Orders are given through files in the working folder, see ``tests.crash.killing``.
"""

import argparse
import sys
from pathlib import Path

from routstr.cli import run
from routstr.core.db import open_backend
from routstr.core.settings import load_settings
from routstr.main import create_app
from tests.crash.killing import Journal, KillingBackend


def main(arguments: list[str]) -> int:
    """Serve until the end; the exit status."""
    settings = load_settings()
    inner = open_backend(settings.database_url.reveal())
    app = create_app(settings, backend=KillingBackend(inner, Journal(Path.cwd())))
    parser = argparse.ArgumentParser(prog="python -m tests.crash.node")
    parser.add_argument("--host", default=settings.host)
    parser.add_argument("--port", type=int, default=settings.port)
    address = parser.parse_args(arguments)
    return 0 if run(app, host=address.host, port=address.port) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
