from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.secret import Secret
from routstr.core.setting_types import normalise_database_url, sqlite_file


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("sqlite:///routstr.db", "sqlite:///routstr.db"),
        ("sqlite+aiosqlite:///keys.db", "sqlite:///keys.db"),
        ("sqlite+pysqlite:////var/lib/a b.db", "sqlite:////var/lib/a b.db"),
        ("postgres://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
        ("postgresql://u:p@h:5432/db", "postgresql+psycopg://u:p@h:5432/db"),
        (
            "postgresql+asyncpg://u:p@h/db?ssl=require",
            "postgresql+psycopg://u:p@h/db?sslmode=require",
        ),
        ("postgresql+psycopg2://u@/db?host=/run/pg", "postgresql+psycopg://u@/db?host=%2Frun%2Fpg"),
        (" postgresql+psycopg://u@h/db ", "postgresql+psycopg://u@h/db"),
    ],
)
def test_database_urls_of_other_programs_are_understood(url: str, normal: str) -> None:
    assert normalise_database_url(Secret(url)).reveal() == normal
    assert normalise_database_url(Secret(normal)).reveal() == normal


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:p@h/db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:",
        "sqlite:///a.db?mode=ro",
        "postgresql://",
        "postgresql+other://h/db",
        "routstr.db",
        "",
    ],
)
def test_what_cannot_keep_the_books_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        normalise_database_url(Secret(url))


@given(st.from_regex(r"[a-zA-Z0-9_./ -]{0,40}[a-zA-Z0-9]", fullmatch=True))
def test_the_file_of_a_sqlite_url_comes_back(file: str) -> None:
    url = normalise_database_url(Secret(f"sqlite:///{file}"))

    assert sqlite_file(url) == Path(file)


def test_a_server_has_no_file() -> None:
    assert sqlite_file(normalise_database_url(Secret("postgresql://h/db"))) is None
