"""What the demo looks like: calm on a terminal, plain lines everywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from textwrap import wrap
from typing import Final, TextIO

from rich.console import Console
from rich.markup import escape
from rich.text import Text

_INDENT: Final = "   "
_LABEL: Final = 13
_WIDEST: Final = 88


class Screen:
    """Headings, facts, answers and checks.

    Without a terminal nothing is coloured or rewritten; without UTF-8 every sign of ours is ASCII.
    """

    def __init__(self, file: TextIO | None = None, *, width: int | None = None) -> None:
        out = file or sys.stdout
        if isinstance(out, TextIOWrapper):
            out.reconfigure(errors="replace")  # what a model says may not fit the terminal
        self._console = Console(file=out, highlight=False, soft_wrap=True, width=width)
        self._live = self._console.is_terminal
        self._width = min(self._console.width, _WIDEST) - len(_INDENT)
        utf8 = self._live and (out.encoding or "").lower().replace("-", "") == "utf8"
        self.encoding = "utf-8" if utf8 else "ascii"
        """What a program should print whose output is shown by :meth:`block`."""
        self._ok, self._bar = ("✓", "│") if utf8 else ("ok", "|")
        self._spinner = "dots" if utf8 else "line"

    def title(self, text: str, subtitle: str) -> None:
        self._print(f"\n[bold]{escape(text)}[/]\n[dim]{escape(subtitle)}[/]")

    def step(self, text: str) -> None:
        """A heading."""
        self._print(f"\n[bold cyan]{escape(text)}[/]")

    def note(self, text: str) -> None:
        """An explanation."""
        for paragraph in text.splitlines() or [""]:
            for line in wrap(paragraph, self._width) or [""]:
                self._print(f"{_INDENT}[dim]{escape(line)}[/]")

    def fact(self, label: str, value: str) -> None:
        """A named value."""
        self._print(f"{_INDENT}{escape(label):<{_LABEL}}{escape(value)}")

    def check(self, text: str) -> None:
        """Something that was compared, and holds."""
        self._print(f"{_INDENT}[green]{self._ok}[/] {escape(text)}")

    def fail(self, text: str) -> None:
        """Why it ends here."""
        self._print(f"\n[bold red]The demo failed.[/] {escape(text)}")

    def block(self, text: str) -> None:
        """Lines from elsewhere, as they are, for example a table."""
        for line in text.splitlines():
            self._console.print(Text(_INDENT + line.rstrip()), soft_wrap=True)

    def command(self, text: str) -> None:
        """A line to copy: nothing is put before it or broken inside."""
        self._console.print(Text(text), soft_wrap=True)

    def quote(self) -> "Quote":
        """The model speaking; pieces may come one by one."""
        return Quote(self._console, f"{_INDENT}{self._bar} ", self._width - 2)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Something takes a while; what is told meanwhile appears above."""
        if not self._live:
            self._print(f"{_INDENT}{escape(text)} ...")
            yield
            return
        with self._console.status(f"[dim]{escape(text)}[/]", spinner=self._spinner):
            yield

    def _print(self, markup: str) -> None:
        self._console.print(markup)


class Quote:
    """Text with a bar at its left, broken between words, written as it comes."""

    def __init__(self, console: Console, margin: str, width: int) -> None:
        self._console = console
        self._margin = margin
        self._width = width
        self._column = 0
        self._word = ""

    def write(self, piece: str) -> None:
        """Add to the text; the last word waits until it is whole."""
        for letter in piece:
            if letter in " \n":
                self._flush()
                if letter == "\n":
                    self._break()
                elif self._column:
                    self._word = " "
            else:
                self._word += letter

    def end(self) -> None:
        """Write what is left."""
        self._flush()
        self._console.print()

    def _flush(self) -> None:
        if self._column + len(self._word) > self._width:
            self._break()
            self._word = self._word.lstrip()
        start = self._margin if not self._column else ""
        self._console.print(Text(start + self._word), end="", soft_wrap=True)
        self._console.file.flush()
        self._column += len(self._word)
        self._word = ""

    def _break(self) -> None:
        self._console.print()
        self._column = 0
