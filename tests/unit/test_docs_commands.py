"""Every command of the documents is checked, run elsewhere, or another's with a reason."""

import re
from pathlib import Path

import pytest

from tests.unit.docs_commands import (
    FENCES,
    OTHERS,
    SHELLS,
    Command,
    commands,
    pages,
    problem_with,
    split,
)
from tests.unit.docs_markdown import ROOT, Call, call_of

COMMANDS = commands()


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_says_what_it_is(path: Path) -> None:
    fences = re.findall(r"^ *```(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    kinds = [fence.partition(" ")[0] for fence in fences[::2]]

    assert [kind for kind in kinds if kind not in FENCES] == []
    assert fences[1::2] == [""] * len(kinds)


def test_every_kind_of_block_and_every_program_of_others_is_used() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages())
    programs = {command.program for command in COMMANDS}

    assert [kind for kind in FENCES if f"```{kind}" not in text] == []
    assert OTHERS.keys() - programs == set()
    assert set(SHELLS) & FENCES.keys() == {"sh"}


def test_there_are_commands_of_every_kind() -> None:
    programs = [command.program for command in COMMANDS]

    assert all(programs.count(name) > 5 for name in ("routstr", "make", "curl"))
    assert "python" in programs


@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS), ids=str)
def test_a_command_would_be_understood(command: Command) -> None:
    assert problem_with(command) is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("routstr verify --mints", None),
        ("routstr nothing", "no command"),
        ("routstr wallet nothing", "no command"),
        ("routstr verify nothing", "too many words"),
        ("routstr verify --nothing", "No such option"),
        ("routstr backup", "missing"),
        ("docker compose exec routstr routstr nothing", "no command"),
        ("systemd-run --pty /opt/bin/routstr nothing", "no command"),
        ("make demo ONCE=1", None),
        ("make nothing", "no target"),
        ("make demo NOTHING=1", "make knows no"),
        ("python -m tests.unit.docs_api", None),
        ("python -m tests.nothing", "no module"),
        ("python examples/nothing.py", "no file"),
        (".venv/bin/pytest tests/nothing.py", "no tests"),
        ("format-the-disk --now", "no known program"),
    ],
)
def test_what_would_not_work_is_noticed(line: str, problem: str | None) -> None:
    (words,) = split(line)
    found = problem_with(Command("page", words))

    assert (found is None) is (problem is None), found
    assert problem is None or (found is not None and problem in found)


def test_a_block_is_read_as_a_shell_reads_it() -> None:
    block = "A=1 make x  # why\nexport B=2\nroutstr a \\\n  b > c && curl 'd\ne' | cat\n"

    assert list(split(block)) == [
        ("make", "x"), ("routstr", "a", "b"), ("curl", "d\ne"), ("cat",),
    ]  # fmt: skip


def test_a_curl_line_is_read_as_curl_reads_it() -> None:
    call = call_of(["curl", "-i", "$BASE/x", "-H", "A: b: c", "-d", "{}"])

    assert call == Call("POST", "$BASE/x", "{}", (("A", "b: c"),))
    with pytest.raises(AssertionError, match="what is --insecure"):
        call_of(["curl", "$BASE/x", "--insecure"])
