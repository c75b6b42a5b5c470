"""``routstr keys``, as far as it needs no ecash; with it, see the integration tests."""

import pytest

from tests.unit.cli.stage import Said, Stage

NOBODY = "key_0123456789abcdef"


def say(stage: Stage, *words: str, stdin: str = "") -> Said:
    return stage.run(*words, stdin=stdin, group="keys")


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("create",), 2, "--token-file or --msat"),
        (("create", "--msat", "5", "--token-file", "x"), 2, "--token-file or --msat"),
        (("create", "--msat", "5", "--reset", "hourly"), 2, "balance_limit_reset"),
        (("create", "--msat", "5", "--expires", "soon"), 2, "--expires is a day"),
        (("create", "--msat", "5", "--name-call", "no spaces"), 2, "--name-call"),
        (("create", "--msat", "5"), 1, "No key was made"),
        (("create", "--token-file", "missing"), 1, "missing cannot be read"),
        (("create", "--token-file", "-"), 1, "No key was made"),
        (("set", NOBODY), 2, "Say what is to change"),
        (("set", NOBODY, "--name", "x"), 1, "Nothing was changed"),
        (("topup", NOBODY, "5"), 1, "Nothing was credited"),
        (("withdraw", NOBODY), 1, "Nothing was withdrawn"),
        (("revoke", NOBODY), 1, "Nothing was revoked"),
        (("revoke", NOBODY, "--refund", "gold"), 2, "refund"),
        (("--json", "revoke", NOBODY), 2, "--json belongs behind revoke"),
    ],
)
def test_what_cannot_be_done_is_said(
    database: Stage, words: tuple[str, ...], status: int, error: str
) -> None:
    said = say(database, *words, stdin="cashuBnonsense")
    assert (said.status, error in " ".join(said.error.split())) == (status, True), said


def test_a_command_makes_no_database(stage: Stage) -> None:
    assert say(stage, "create", "--msat", "5").status == 1
    assert not (stage.folder / "node.db").exists()
