"""What is no statement of a node proves nothing."""

import pytest
from typer.testing import CliRunner, Result

from routstr.cli.tree import cli


def run(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, words, input=stdin)


@pytest.mark.parametrize("words", [("receipt", "verify"), ("liabilities", "verify")])
@pytest.mark.parametrize("text", [b"{}", b"[]", b"x", b'{"statement":7}'])
def test_what_is_no_statement_is_refused(words: tuple[str, ...], text: bytes) -> None:
    assert run(*words, "-", stdin=text).exit_code == 1


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    done = run("receipt", "verify", "-", stdin=b'{"type":"routstr-receipt","pubkey":"\\u001b[2J"}')
    assert done.exit_code == 1
    assert "\x1b" not in done.output
