from pathlib import Path

from devkit.node import settings
from routstr.core.settings import load_settings


def test_the_settings_of_a_loopback_node_are_accepted() -> None:
    given = settings(
        mints=["http://127.0.0.1:3338", "http://127.0.0.1:3339"],
        upstream="http://127.0.0.1:8080/v1",
        models=Path("/somewhere/models.json"),
    )
    loaded = load_settings(given, env_file=None)
    assert loaded.cashu_mints == ("http://127.0.0.1:3338", "http://127.0.0.1:3339")
    assert loaded.upstream_base_url == "http://127.0.0.1:8080/v1"
    assert loaded.models_path == Path("/somewhere/models.json")
    assert loaded.btc_usd == 100_000
