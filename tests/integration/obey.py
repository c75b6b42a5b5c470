"""``python -m tests.integration.obey CODE`` runs the code: ``python -c`` as a module."""

import sys

if __name__ == "__main__":
    exec(sys.argv[1], {"__name__": "__main__"})
