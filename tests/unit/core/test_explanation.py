from sqlalchemy.exc import OperationalError

from routstr.core.explanation import explain


def test_an_explanation_is_one_harmless_line_without_secrets() -> None:
    cause = Exception("no way to\npostgresql://node:geheim@db\x1b[2J.")
    error = OperationalError("SELECT secret", {}, cause)
    assert explain(error) == "no way to postgresql://[secret]@db [2J"
    assert explain(ValueError("plain.")) == "plain"
