"""``python -m demo [--once]``; see :mod:`demo.show`."""

import sys

from demo.endings import INTERRUPTED

try:
    from demo.show import main
except KeyboardInterrupt:  # importing takes a moment: Ctrl-C in it is no reason for a traceback
    sys.exit(INTERRUPTED)

if __name__ == "__main__":
    sys.exit(main())
