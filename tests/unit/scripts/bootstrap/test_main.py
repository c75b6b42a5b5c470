import pytest

from scripts.bootstrap.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["dev", "nonsense"], ["--", "-m", "demo"]])
def test_what_is_not_understood_is_answered_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "python -m scripts.bootstrap NAME" in capsys.readouterr().err
