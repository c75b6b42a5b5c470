import pytest

from routstr.cli.serving import Address, plainly_asked


def test_serve_and_its_options_are_understood_without_the_other_commands() -> None:
    assert plainly_asked(["serve"]) == Address()
    assert plainly_asked(["serve", "--port", "0"]) == Address(port=0)
    assert plainly_asked(["serve", "--port", "8000", "--host", "::1"]) == Address("::1", 8000)
    assert plainly_asked(["serve", "--workers", "64"]) == Address(workers=64)


@pytest.mark.parametrize(
    "line",
    [
        "", "wallet", "--version", "serve --help", "serve --port", "serve --port many",
        "serve --port -1", "serve --port 65536", "serve --port=1", "serve --host --port",
        "serve --other 1", "serve 8000", "serve --port ²",
        "serve --workers 0", "serve --workers 65", "serve --workers two", "serve --workers ²",
    ],
)  # fmt: skip
def test_all_else_goes_to_the_tree_of_commands(line: str) -> None:
    assert plainly_asked(line.split()) is None


def test_an_empty_host_is_not_plain() -> None:
    assert plainly_asked(["serve", "--host", ""]) is None
