from pathlib import Path
from typing import Any

import pytest

from routstr.assembly.providers import provider_of_settings, usual_limits
from routstr.core.secret import Secret
from routstr.core.settings import Settings


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(database_url=Secret(f"sqlite:///{folder}/node.db"), **more)


@pytest.mark.parametrize(
    ("url", "name", "kind"),
    [
        ("https://api.example.com/v1", "example", "generic"),
        ("https://api.anthropic.com/v1", "anthropic", "anthropic"),
        ("https://mine.openai.azure.com", "azure", "azure"),
        ("http://127.0.0.1:8080/v1", "custom", "generic"),
    ],
)
def test_the_provider_of_the_settings_is_known_by_its_address(
    tmp_path: Path, url: str, name: str, kind: str
) -> None:
    configured = settings(tmp_path, upstream_base_url=url, upstream_api_key=Secret("k"))
    (profile,) = provider_of_settings(configured)
    assert (profile.id, profile.name, profile.adapter.name) == (0, name, kind)
    assert profile.keys == (Secret("k"),)
    assert profile.limits == usual_limits(configured)


def test_a_provider_may_want_no_key(tmp_path: Path) -> None:
    (profile,) = provider_of_settings(settings(tmp_path, upstream_base_url="http://localhost:1"))
    assert profile.keys == ()


def test_there_may_be_no_provider(tmp_path: Path) -> None:
    assert provider_of_settings(settings(tmp_path)) == ()
