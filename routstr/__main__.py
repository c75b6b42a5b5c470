"""``python -m routstr``."""

from routstr.cli import main

main()
