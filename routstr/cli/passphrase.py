"""A passphrase, from a file or from whoever sits at the terminal; never from the command line."""

import sys
from pathlib import Path
from typing import Final

import typer

from routstr.cli.shell import EXIT_USAGE, fail

CHARS_MIN: Final = 12
_CHARS_MAX: Final = 10_000


def ask_for_passphrase(file: Path | None, *, new: bool) -> str:
    """Return the passphrase; a new one is asked for twice and must not be short."""
    if file is not None:
        try:
            text = file.read_text("utf-8")[:_CHARS_MAX].strip("\r\n")
        except (OSError, UnicodeDecodeError):
            fail(f"The passphrase cannot be read from {file}.")
    elif not sys.stdin.isatty():
        fail("This is no terminal: --passphrase-file names a file with it.", EXIT_USAGE)
    else:
        text = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    if new and len(text) < CHARS_MIN:
        fail(f"A passphrase has at least {CHARS_MIN} characters.", EXIT_USAGE)
    return text
