"""The command line; docs/cli.md tells all of it.

Exit codes: 0 well, 1 what was asked for failed or does not hold, 2 wrong usage or configuration.
"""

import gc
import sys
from typing import Final

_GC_THRESHOLD: Final = 500_000
"""More than the start of a node makes; what is loaded stays, and looking for cycles in it again
and again would be a tenth of the start."""


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_GC_THRESHOLD)
    from routstr.cli import serving  # noqa: PLC0415 - from here on nothing is looked through

    wanted = serving.plainly_asked(sys.argv[1:])
    if wanted is not None:
        sys.exit(serving.serve(wanted))
    from routstr.cli.tree import cli  # noqa: PLC0415 - a node serves without it

    cli()
