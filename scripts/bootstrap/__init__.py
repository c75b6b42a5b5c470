"""The project's own environments: made, checked, mended. Standard library only.

``.venv`` runs the node, the demo and the tests; ``.tools/mint-*`` run real mints, whose
requirements do not agree with ours. ``python -m scripts.bootstrap`` is the command;
:func:`ensure` is for programs that are already running inside ``.venv``.
"""

from scripts.bootstrap.build import SetupFailed
from scripts.bootstrap.environments import Environment, environment
from scripts.bootstrap.setup import ensure

__all__ = ["Environment", "SetupFailed", "ensure", "environment"]
