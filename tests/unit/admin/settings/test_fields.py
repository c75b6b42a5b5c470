import pytest

from routstr.admin.settings.fields import (
    Kind,
    choices_of,
    is_masked,
    kind_of,
    label_of,
    number_of,
    text_of,
    typed,
    unit_of,
)
from routstr.core.options.effective import STORABLE, fitting
from routstr.core.settings import Settings


@pytest.mark.parametrize(
    ("name", "kind", "unit", "label"),
    [
        ("upstream_provider_fee", Kind.NUMBER, "factor", "Upstream provider fee"),
        ("btc_usd", Kind.NUMBER, "USD", "BTC USD"),
        ("min_request_msat", Kind.NUMBER, "msat", "Min request msat"),
        ("fixed_cost_per_request", Kind.NUMBER, "sat", "Fixed cost per request"),
        ("payout_interval_seconds", Kind.NUMBER, "s", "Payout interval"),
        ("receive_ln_address", Kind.TEXT, "", "Receive Lightning address"),
        ("cashu_mints", Kind.LIST, "", "Cashu mints"),
        ("mint_exposure_sat_max_of", Kind.LIST, "", "Mint exposure sat max of"),
        ("store_answers", Kind.SWITCH, "", "Store answers"),
        ("log_level", Kind.CHOICE, "", "Log level"),
        ("admin_password", Kind.SECRET, "", "Admin password"),
        ("models_path", Kind.TEXT, "", "Models path"),
    ],
)
def test_how_a_setting_looks(name: str, kind: Kind, unit: str, label: str) -> None:
    assert (kind_of(name), unit_of(name), label_of(name)) == (kind, unit, label)


def test_every_default_can_be_typed_in_again_and_is_the_same() -> None:
    usual = Settings()
    again = {name: typed(name, text_of(usual, name)) for name in STORABLE}
    set_again = {name: value for name, value in again.items() if value is not None}
    assert fitting(Settings(), set_again, lambda _: None) == usual
    assert [name for name in again if name not in set_again] == ["btc_usd"]


def test_texts_of_values() -> None:
    settings = Settings(cashu_mints="https://a.example, https://b.example", admin_password="x" * 9)
    assert text_of(settings, "cashu_mints") == "https://a.example\nhttps://b.example"
    assert text_of(settings, "admin_password") == "[REDACTED]"
    assert text_of(settings, "upstream_api_key") == ""
    assert text_of(settings, "mint_operation_timeout_seconds") == "30"
    assert choices_of("log_level")[:2] == ("DEBUG", "INFO")


def test_of_an_address_that_is_a_secret_only_the_host_is_told() -> None:
    settings = Settings(alert_webhook_url="https://hooks.example:8443/T0/secret")
    for shown in (text_of(settings, "alert_webhook_url"), number_of(settings, "alert_webhook_url")):
        assert shown == "https://hooks.example:8443/[REDACTED]"
        assert is_masked("alert_webhook_url", shown)
    assert text_of(settings, "alert_ntfy_url") == ""
    assert not is_masked("alert_ntfy_url", "https://ntfy.sh/mine")
