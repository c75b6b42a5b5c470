from pathlib import Path

from sqlalchemy.engine import make_url

from devkit.postgres import database_name, database_url


def test_a_url_leads_to_the_database_through_the_socket() -> None:
    url = make_url(database_url(Path("/tmp/a folder/server"), "test_1"))
    assert url.drivername == "postgresql+psycopg"
    assert url.database == "test_1"
    assert url.query["host"] == "/tmp/a folder/server"


def test_the_name_is_read_back_from_the_url() -> None:
    assert database_name(database_url(Path("/tmp/server"), "test_1")) == "test_1"
