"""Reads the project's documents: tables by heading, code spans, fenced blocks."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"

_SPAN: Final = re.compile(r"`([^`]+)`")
_FENCE: Final = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RULE: Final = re.compile(r"\|(?:-+\|)+")
_CURL_FLAGS: Final = frozenset({"-N", "-i", "-s"})
_CELLS: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table, with the headings above it (level 2, level 3) and its line."""

    chapter: str
    section: str
    cells: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    """What a curl command asks for; ``body`` is the text after ``-d``."""

    method: str
    url: str
    body: str | None
    headers: tuple[tuple[str, str], ...] = ()


def read(name: str) -> str:
    """A document of ``docs/``."""
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> Iterator[Row]:
    """The rows of all tables, without their heads."""
    chapter = section = ""
    body = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("## "):
            chapter, section = line[3:], ""
        elif line.startswith("### "):
            section = line[4:]
        if not line.startswith("|"):
            body = False
        elif _RULE.fullmatch(line):
            body = True
        elif body:
            cells = [cell.strip() for cell in _CELLS.split(line)]
            yield Row(chapter, section, tuple(cells[1:-1]), number)


def spans(text: str) -> list[str]:
    """What stands between backticks."""
    return _SPAN.findall(text)


def plain(cell: str) -> str:
    """A cell without backticks."""
    return cell.replace("`", "")


def prose(text: str) -> str:
    """The document without its fenced blocks."""
    return _FENCE.sub("", text)


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """Fenced blocks in a language: their title, if the fence has one, and the content."""
    found = []
    for info, content in _FENCE.findall(text):
        first, _, rest = info.partition(" ")
        if first == language:
            found.append((rest.removeprefix('title="').removesuffix('"'), content))
    return found


def headings(text: str) -> list[str]:
    """All headings, without their marks."""
    return re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)


def calls(text: str) -> list[Call]:
    """The curl commands of all shell blocks."""
    commands = [
        command
        for _, content in blocks(text, "sh")
        for command in content.replace("\\\n", " ").splitlines()
    ]
    return [call_of(shlex.split(one)) for one in commands if one.startswith("curl ")]


def call_of(words: list[str]) -> Call:
    """What a curl command line, split into words, asks for."""
    method = url = body = None
    headers: list[tuple[str, str]] = []
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers.append((name, value))
        elif word not in _CURL_FLAGS:
            assert url is None, f"what is {word}?"
            url = word
    assert url is not None, f"no address in {words}"
    return Call(method or ("GET" if body is None else "POST"), url, body, tuple(headers))


def leads_somewhere(page: str, target: str) -> bool:
    """Whether a relative link has its file, and its heading if it names one."""
    path, _, anchor = target.partition("#")
    file = DOCS / (path or page)
    return file.exists() and (
        not anchor or anchor in {slug(line) for line in headings(file.read_text("utf-8"))}
    )


def slug(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def layers() -> list[list[str]]:
    """The layers of the import contract that exist, top first."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (contract,) = re.findall(r"^layers = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    lines = [re.findall(r"\(?\w+\)?", line) for line in re.findall(r'"([^"]+)"', contract)]
    return [[name for name in line if not name.startswith("(")] for line in lines]
