"""The commands that the documents show, and whether each would be understood where it is typed."""

import importlib.util
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
import typer.main

from routstr.cli.tree import cli
from tests.unit.docs_markdown import DOCS, ROOT, blocks

SHELLS: Final = ("sh", "bash", "console", "shell")
FENCES: Final[Mapping[str, str]] = {
    "sh": "checked here; curl lines are run",
    "python": "run against a node",
    "py": "Python that needs packages of others; run by hand, as the page says",
    "js": "JavaScript that needs packages of others; run by hand, as the page says",
    "json": "compared with answers of the node",
    "text": "what a program says, or a file's form",
    "mermaid": "drawn by the build of the site",
    "diff": "a change that was tried",
    "toml": "a part of a file",
    "yaml": "a part of another program's file",
    "ini": "a part of another program's file",
}
OTHERS: Final[Mapping[str, str]] = {
    "aider": "a client; run by hand, as the page says",
    "claude": "a client; run by hand, as the page says",
    "cp": "the system's",
    "docker": "no container engine runs here; the files are tested by test_deploy.py",
    "install": "the system's",
    "journalctl": "systemd does not run here",
    "memray": "a profiler that is installed when it is needed",
    "pip": "installs into places of the system",
    "printf": "the shell's",
    "python3": "makes an environment in a place of the system",
    "systemctl": "systemd does not run here",
    "systemd-run": "systemd does not run here; the command inside is checked",
    "uv": "installs into an environment",
}
"""Programs of others, and why these commands are not run. The rest is checked or run."""

_UsageError: Final[Any] = typer.BadParameter.__base__  # it has no public name
_ASSIGNMENT: Final = re.compile(r"(?:export )?[A-Za-z_]\w*=")
_SEPARATORS: Final = {"&&", "||", ";", "|"}
_REDIRECTIONS: Final = {">", ">>", "<", "2>"}


class Command(NamedTuple):
    """One command of a page; ``words`` without redirections, the program without its folder."""

    page: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return Path(self.words[0]).name

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)[:70]}"


def pages() -> list[Path]:
    """Every document for people."""
    others = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/plugin/README.md"))
    return [*others, *(path for path in sorted(DOCS.rglob("*.md")) if not path.is_symlink())]


def commands() -> list[Command]:
    """All of them, in the order of the pages."""
    return [
        Command(path.relative_to(ROOT).as_posix(), words)
        for path in pages()
        for _, block in blocks(path.read_text(encoding="utf-8"), "sh")
        for words in split(block)
    ]


def split(block: str) -> Iterator[tuple[str, ...]]:
    """The commands of a shell block, without comments, assignments and redirections."""
    for line in lines(block):
        words: list[str] = []
        told = iter(_tokens(line))
        for word in told:
            if word in _SEPARATORS:
                yield from _told(words)
                words = []
            elif word in _REDIRECTIONS:
                next(told)
            else:
                words.append(word)
        yield from _told(words)


def lines(block: str) -> Iterator[str]:
    """Lines as the shell reads them: those that go on are one."""
    text = ""
    for line in block.replace("\\\n", " ").splitlines():
        text = f"{text}\n{line}" if text else line
        try:
            shlex.split(text, comments=True)
        except ValueError:  # a quotation that goes on
            continue
        yield text
        text = ""
    assert not text, f"a quotation does not end: {text}"


def _tokens(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _told(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    rest = list(words)
    if rest[:1] == ["export"]:
        return
    while rest and _ASSIGNMENT.match(rest[0]):
        rest.pop(0)
    if rest:
        yield tuple(rest)


def problem_with(command: Command) -> str | None:
    """Why a command would not do what it says; None when it would, or when it is another's."""
    words = [command.program, *command.words[1:]]
    inside = next((at for at, word in enumerate(words) if Path(word).name == "routstr"), None)
    if command.program in {"docker", "systemd-run"} and inside is not None:
        own = words[inside + 1 :] if "exec" in words or inside == len(words) - 2 else []
        own = own[1:] if own[:1] == ["routstr"] else own
        return _of_routstr(own) if own else None
    check = _CHECKS.get(command.program)
    if check is not None:
        return check(words[1:])
    return None if command.program in OTHERS else f"{command.program} is no known program"


def _of_routstr(words: Sequence[str]) -> str | None:
    told: Any = typer.main.get_command(cli)
    rest, context = list(words), told.context_class(told, info_name="routstr")
    while hasattr(told, "commands") and rest and rest[0] in told.commands:
        told = told.commands[rest[0]]
        context = told.context_class(told, info_name=rest.pop(0), parent=context)
    if hasattr(told, "commands") and (rest[:1] or not told.invoke_without_command):
        return f"routstr {' '.join(words)} is no command"
    try:
        given, left, _ = told.make_parser(context).parse_args(rest)
    except _UsageError as error:
        return str(error)
    missing = [one.name for one in told.params if one.required and not _is_text(given, one.name)]
    return f"too many words: {left}" if left else f"missing: {missing}" if missing else None


def _is_text(given: Mapping[str, object], name: str) -> bool:
    return isinstance(given.get(name), str | list | tuple)  # what is not given is a mark


def _of_make(words: Sequence[str]) -> str | None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable and f"$({name})" not in makefile:
            return f"make knows no {name}"
        if not is_variable and re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE) is None:
            return f"no target {name}"
    return None


def _of_python(words: Sequence[str]) -> str | None:
    if words[0] != "-m":
        return None if (ROOT / words[0]).is_file() else f"no file {words[0]}"
    return None if importlib.util.find_spec(words[1]) else f"no module {words[1]}"


def _of_pytest(words: Sequence[str]) -> str | None:
    paths = [word for word in words if not word.startswith("-")]
    return next((f"no {path}" for path in paths if not (ROOT / path).exists()), None)


def _of_curl(words: Sequence[str]) -> str | None:
    del words  # tests/integration/money/test_docs_examples.py runs it
    return None


_CHECKS: Final[Mapping[str, Callable[[Sequence[str]], str | None]]] = {
    "routstr": _of_routstr,
    "make": _of_make,
    "python": _of_python,
    "pytest": _of_pytest,
    "curl": _of_curl,
}
