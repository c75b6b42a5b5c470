"""Which value holds: the environment's, else the stored one, else the default."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from routstr.core.options.effective import (
    STORABLE,
    Effective,
    Origin,
    Unfit,
    combine,
    fitting,
    locked,
)
from routstr.core.secret import Secret
from routstr.core.settings import Settings

MINT = "https://mint.example.com"
OTHER = "https://other.example.com"


def anything(_settings: Settings) -> None: ...


def of(given: Settings, **stored: Any) -> Effective:
    return combine(given, stored, anything)


def test_the_environment_wins_over_what_is_stored_and_that_over_the_default() -> None:
    found = of(Settings(name="Env"), name="Stored", description="Stored")
    assert (found.settings.name, found.settings.description) == ("Env", "Stored")
    assert found.origins["name"] is Origin.ENVIRONMENT
    assert found.origins["description"] is Origin.STORED
    assert found.origins["cashu_mints"] is Origin.DEFAULT
    assert not found.ignored


def test_what_a_profile_changes_is_a_default_that_may_be_changed() -> None:
    given = Settings(routstr_env="development")
    assert given.model_fields_set == {"routstr_env"}
    found = of(given, log_level="ERROR")
    assert found.settings.log_level == "ERROR"
    assert found.settings.allow_insecure_mints
    assert of(given).settings.log_level == "DEBUG"
    assert of(given).origins["log_level"] is Origin.DEFAULT


def test_defaults_that_follow_from_others_follow_from_stored_ones_too() -> None:
    assert of(Settings(), cashu_mints=[MINT]).settings.primary_mint_url == MINT


def test_a_stored_value_that_is_wrong_is_left_out_and_the_rest_holds() -> None:
    found = of(Settings(), upstream_provider_fee="-1", exchange_fee="1.01", port=1)
    assert found.settings.exchange_fee == Decimal("1.01")
    assert found.settings.upstream_provider_fee == Decimal("1.05")
    assert found.settings.port == 8000
    assert list(found.ignored) == ["upstream_provider_fee"]
    assert found.origins["upstream_provider_fee"] is Origin.DEFAULT


def test_values_that_contradict_each_other_cost_the_later_one_only() -> None:
    found = of(Settings(), cashu_mints=[MINT], primary_mint_url=OTHER, swap_mints=[OTHER])
    assert found.settings.cashu_mints == (MINT,)
    assert found.settings.swap_mints == (OTHER,)
    assert found.settings.primary_mint_url == MINT
    assert "must be one of CASHU_MINTS" in found.ignored["primary_mint_url"]


def test_a_setting_that_this_version_does_not_know_is_nobodys_trouble() -> None:
    assert of(Settings(), gone_since=1).settings == Settings()


def test_what_the_node_asks_beyond_is_asked_of_stored_values_alone() -> None:
    def no_rule(settings: Settings) -> None:
        if settings.pricing_rule:
            raise ValueError("PRICING_RULE: nobody has it")

    found = combine(Settings(), {"pricing_rule": "odd", "name": "N"}, no_rule)
    assert (found.settings.pricing_rule, found.settings.name) == ("", "N")
    assert found.ignored == {"pricing_rule": "nobody has it"}
    with pytest.raises(Unfit, match="PRICING_RULE: nobody has it"):
        combine(Settings(pricing_rule="odd"), {}, no_rule)


def test_problems_name_the_setting_also_when_several_disagree() -> None:
    with pytest.raises(Unfit) as caught:
        fitting(Settings(), {"exchange_fee": "0", "min_payout_sat": "much"}, anything)
    assert list(caught.value.problems) == ["exchange_fee", "min_payout_sat"]
    with pytest.raises(Unfit) as caught:
        fitting(Settings(), {"primary_mint_url": MINT}, anything)
    assert list(caught.value.problems) == ["primary_mint_url"]


def test_secrets_files_and_what_the_process_is_started_with_are_never_stored() -> None:
    fields = Settings.model_fields
    for name in STORABLE:
        assert fields[name].annotation not in {Secret, Path}, name
        assert not name.endswith(("_key", "_password", "_path", "_dir", "_file")), name
    assert {"host", "port", "database_url", "redis_url", "plugins"}.isdisjoint(STORABLE)
    assert {"name", "cashu_mints", "upstream_provider_fee", "log_level"} <= STORABLE
    assert locked(Settings(), "port")
    assert not locked(Settings(), "name")
    assert locked(Settings(name="Env"), "name")
