"""Tokens taken in as the operator's own money, as far as that needs no mint."""

from routstr.cli.wallet_import import Answer
from routstr.money import Unit
from tests.unit.cli.stage import SECRET, Stage


def test_a_file_without_tokens_brings_nothing(database: Stage) -> None:
    (database.folder / "empty").write_text("\n")
    for file in ("empty", "missing"):
        assert database.run("import", file).status == 1


def test_what_is_no_token_is_told_by_its_place_and_not_repeated(database: Stage) -> None:
    done = database.run("import", "-", stdin=f"{SECRET}\ncashuBnonsense\n")
    assert done.status == 1
    first, second = done.output.splitlines()
    assert first.startswith("token 1: ")
    assert second.startswith("token 2: ")
    assert SECRET[:20] not in done.output + done.error


def test_an_answer_tells_what_was_credited_and_what_the_mint_took() -> None:
    answer = Answer(3, "https://mint.example", Unit.SAT, 1_020, 1)
    assert str(answer) == "token 3: 1,020 sat at https://mint.example, fee 1 sat."
    assert str(Answer(3, problem="It is spent")) == "token 3: It is spent."
