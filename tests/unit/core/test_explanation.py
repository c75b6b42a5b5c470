from sqlalchemy.exc import OperationalError

from routstr.core.explanation import explain


def test_an_explanation_is_one_harmless_line_without_secrets() -> None:
    cause = Exception("no way to\npostgresql://node:geheim@db\x1b[2J.")
    error = OperationalError("SELECT secret", {}, cause)
    assert explain(error) == "no way to postgresql://[secret]@db [2J"
    assert explain(ValueError("plain.")) == "plain"


def test_a_file_is_named_once_and_no_number_is_told() -> None:
    error = FileNotFoundError(2, "No such file or directory", "there/file")
    assert explain(error) == "there/file: No such file or directory"
    assert explain(OSError("without a file.")) == "without a file"
