"""``python -m scripts.bootstrap NAME ... [-- ARGUMENT ...]``.

Makes the named environments (``base``, ``demo``, ``dev``, ``mint-0.21``, ``mint-0.19``) complete.
What follows ``--`` is then run by the Python of ``.venv`` in our place, in an environment that
holds nothing of the surroundings but what ``scripts/ambient.py`` lets pass.
"""

import os
import sys

from scripts import ambient
from scripts.bootstrap import SetupFailed, ensure
from scripts.bootstrap.environments import ENVIRONMENTS
from scripts.places import PROJECT_ENVIRONMENT
from scripts.processes import Interrupted


def main(arguments: list[str]) -> int:
    """Exit status; does not return when something is to be run."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    names, command = arguments[:cut], arguments[cut + 1 :]
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown or not names:
        print(f"usage: {__doc__}", file=sys.stderr)
        return 2
    try:
        ensure(*names, python=_asked_for())
    except SetupFailed as failure:
        print(f"\nThe set-up failed. {failure}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt) as interrupted:
        print("\nInterrupted; the next run mends what is unfinished.", file=sys.stderr)
        return getattr(interrupted, "exit_status", 130)
    if command:
        python = str(PROJECT_ENVIRONMENT / "bin" / "python")
        environment = ambient.inside(PROJECT_ENVIRONMENT, ambient.clean(os.environ))
        os.execve(python, [python, *command], environment)
    return 0


def _asked_for() -> str | None:
    """The version of Python, when the person named one."""
    named = os.environ.get("ROUTSTR_PYTHON")
    return "{}.{}".format(*sys.version_info) if named else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
