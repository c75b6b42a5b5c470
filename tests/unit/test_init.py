import subprocess
import sys
from pathlib import Path

import pytest

import routstr


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "fastapi, sqlalchemy, aiohttp, coincurve, pydantic"
    code = f"import sys, routstr; print([m for m in {heavy.split(', ')} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_the_node_loads_what_speaks_with_postgresql_only_where_it_is_used() -> None:
    heavy = "psycopg, sqlalchemy.dialects.postgresql, alembic, nostr_sdk, redis, bpe_openai"
    code = f"import sys, routstr.main; print([m for m in {heavy.split(', ')} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = routstr.nothing


def test_the_application_is_built_from_the_environment_on_first_use(tmp_path: Path) -> None:
    code = "import routstr; print(routstr.fastapi_app.settings.name)"
    environment = {"NAME": "A node of this test", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
        env=environment,
    )
    assert done.stdout.strip() == "A node of this test"
