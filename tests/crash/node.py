"""A node that can be ordered to die: the tests' composition root.

``python -m tests.crash.node --port N`` is ``routstr serve`` with another database backend and
nothing else. Orders are given through files in the working folder, see ``tests.crash.killing``.
"""

import sys
from pathlib import Path

from routstr.cli import run
from routstr.core.db import open_backend
from routstr.core.settings import load_settings
from routstr.main import create_app
from tests.crash.killing import Journal, KillingBackend


def main(arguments: list[str]) -> int:
    """Serve on the given port of loopback until the end; the exit status."""
    settings = load_settings()
    inner = open_backend(settings.database_url.reveal())
    app = create_app(settings, backend=KillingBackend(inner, Journal(Path.cwd())))
    port = int(arguments[arguments.index("--port") + 1]) if "--port" in arguments else settings.port
    return 0 if run(app, host=settings.host, port=port) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
