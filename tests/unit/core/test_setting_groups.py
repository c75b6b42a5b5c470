from pathlib import Path

import pytest

from routstr.core.setting_group import meanings
from routstr.core.setting_groups import GROUPS
from routstr.core.settings import Settings


def test_every_setting_belongs_to_one_group_and_is_described_in_one_sentence() -> None:
    names = [name for group in GROUPS for name in group.model_fields]

    assert sorted(names) == sorted(Settings.model_fields)
    assert len(names) == len(set(names))
    described = {name: about for group in GROUPS for name, about in meanings(group).items()}
    assert list(described) == names
    for name, description in described.items():
        assert description.endswith("."), name
        assert "\n" not in description, name
        assert description[0].isupper() or description.startswith(("http", "*")), name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.groq.com./openai", "groq"),
        ("http://127.0.0.1:8080/v1", "custom"),
        ("http://[::1]:8080", "custom"),
        ("http://llama:8080", "custom"),
        ("", "custom"),
    ],
)
def test_the_provider_is_named_after_its_host(url: str, name: str) -> None:
    assert Settings(upstream_base_url=url).upstream_name == name


def test_a_provider_name_that_is_set_wins() -> None:
    settings = Settings(upstream_base_url="https://api.openai.com/v1", upstream_name="mine")

    assert settings.upstream_name == "mine"


@pytest.mark.parametrize(
    ("database", "file"),
    [
        ("sqlite:////var/lib/routstr/node.db", Path("/var/lib/routstr/routstr_secret.key")),
        ("sqlite:///data/node.db", Path("data/routstr_secret.key")),
        ("sqlite:///node.db", Path("routstr_secret.key")),
        ("postgresql://h/db", Path("routstr_secret.key")),
    ],
)
def test_the_secret_key_lies_beside_the_books(database: str, file: Path) -> None:
    assert Settings(database_url=database).routstr_secret_key_file == file


def test_the_first_mint_is_the_primary_one_unless_another_is_named() -> None:
    mints = "https://a.example, https://b.example"

    assert Settings(cashu_mints=mints).primary_mint_url == "https://a.example"
    chosen = Settings(cashu_mints=mints, primary_mint_url="https://B.example/")
    assert chosen.primary_mint_url == "https://b.example"
    assert Settings().primary_mint_url == ""
