from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from routstr.core.secret import Secret
from routstr.core.settings import PROFILES, Settings, SettingsError, load_settings
from routstr.money import Msat


def refusal(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, None)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_the_defaults_are_complete_and_those_of_the_documentation() -> None:
    settings = load_settings({}, None)

    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url.reveal() == "sqlite:///routstr.db"
    assert settings.upstream_provider_fee == Decimal("1.05")
    assert settings.exchange_fee == Decimal("1.005")
    assert settings.min_request_msat == Msat(1)
    assert type(settings.min_request_msat) is Msat
    assert settings.btc_usd is None
    assert settings.cors_origins == ("*",)


def test_constructing_settings_does_not_look_at_the_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=1111\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "2222")

    assert Settings().port == 8000
    assert load_settings().port == 2222
    monkeypatch.delenv("PORT")
    assert load_settings().port == 1111


def test_the_environment_wins_over_the_file_and_an_empty_value_counts_as_unset(
    tmp_path: Path,
) -> None:
    file = tmp_path / "node.env"
    file.write_text('NAME="From the file"\nPORT=9000 # comment\nUNKNOWN=1\nHTTP_URL=\n')
    settings = load_settings({"PORT": "9001", "NAME": " ", "SOMETHING_ELSE": "x"}, file)

    assert settings.port == 9001
    assert settings.name == "ARoutstrNode", "set to nothing in the environment: the default"
    assert settings.http_url == ""


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path / "none.env") == Settings()


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"NAME=\xff\xfe\n")

    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        load_settings({}, file)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_a_name_that_is_no_setting_is_refused_in_code() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"prot": 1})


def test_every_wrong_variable_gets_a_line_of_its_own() -> None:
    lines = refusal(
        PORT="80x",
        UPSTREAM_PROVIDER_FEE="0",
        LOG_LEVEL="LOUD",
        FIXED_PRICING="maybe",
        UPSTREAM_BASE_URL="api.openai.com",
        DATABASE_URL="mysql://root:hunter2@db/x",
    ).splitlines()

    assert {line.partition(":")[0] for line in lines} == {
        "PORT",
        "UPSTREAM_PROVIDER_FEE",
        "LOG_LEVEL",
        "FIXED_PRICING",
        "UPSTREAM_BASE_URL",
        "DATABASE_URL",
    }
    assert len(lines) == 6
    assert "PORT: got '80x'; should be a valid integer" in lines[lines.index(lines[0])]
    assert all("got" in line and ";" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hunter2-secret@db/x"),
        ("ROUTSTR_SECRET_KEY", "hunter2-secret"),
        ("CASHU_MINTS", "https://user:hunter2-secret@mint.example"),
        ("UPSTREAM_BASE_URL", "https://user:hunter2-secret@api.example"),
        ("PORT", "sk-hunter2-secret-0123"),
    ],
)
def test_a_refusal_never_shows_a_secret(name: str, value: str) -> None:
    text = refusal(**{name: value})

    assert text.startswith(name)
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("ROUTSTR_ENV", "staging", "'development', 'testing' or 'production'"),
        ("PORT", "65536", "65535"),
        ("EXCHANGE_FEE", "nan", "finite"),
        ("EXCHANGE_FEE", "1e-99999", "decimal places"),
        ("EXCHANGE_FEE", "-1", "greater than 0"),
        ("TOLERANCE_PERCENTAGE", "100", "less than 100"),
        ("BTC_USD", "0", "greater than 0"),
        ("MIN_REQUEST_MSAT", "1.5", "integer"),
        ("UPSTREAM_IDLE_SECONDS", "inf", "finite|86400"),
        ("UPSTREAM_TOTAL_SECONDS", "0", "greater than 0"),
        ("NPUB", "nsec1qqqqqqq", "pattern"),
        ("ONION_URL", "http://example.com", "onion"),
        ("CORS_ORIGINS", "https://app.example/path", "without a path"),
        ("CORS_ORIGINS", "app.example", "http"),
        ("TRUSTED_PROXIES", "*", "addresses or networks"),
        ("FORWARD_HEADERS", "x-ok, Authorization", "must not name authorization"),
        ("FORWARD_HEADERS", "Proxy-Anything", "must not name"),
        ("FORWARD_HEADERS", "bad name", "names of headers"),
        ("CASHU_MINTS", "[1, 2]", "string"),
        ("CASHU_MINTS", "http://mint.example", "https://"),
        ("CASHU_MINTS", "http://127.0.0.1:3338", "ALLOW_INSECURE_MINTS"),
        ("PRIMARY_MINT_URL", "https://mint.example", "one of CASHU_MINTS"),
        ("SWAP_MINTS", "http://mint.example", "https://"),
        ("SWAP_MINTS", "https://mint.example", "beside those of CASHU_MINTS"),
        ("MINT_EXPOSURE_SAT_MAX", "-1", "greater than or equal to 0"),
        ("MINT_EXPOSURE_SAT_MAX_OF", "https://mint.example", "mints with amounts"),
        ("PRICING_RULE_OF", "openai", "providers with pricing rules"),
        ("PRICING_RULE_OF", "openai=", "providers with pricing rules"),
        ("MODEL_SOURCES", "file,exchange", "of file, upstream and openrouter"),
        ("MODEL_SOURCES", "openrouter", "of file, upstream and openrouter"),
        ("MINT_EXPOSURE_SAT_MAX_OF", "https://mint.example=many", "mints with amounts"),
        ("MINT_EXPOSURE_SAT_MAX_OF", "https://mint.example=5", "one of CASHU_MINTS"),
        ("PROOFS_PER_AMOUNT_MAX", "3", "4"),
        ("ROUTSTR_SECRET_KEY", "ab" * 31, "64 hexadecimal digits"),
        ("REQUEST_BODY_BYTES_MAX", "10", "1024"),
        ("REDIS_URL", "http://cache.example", "redis://"),
        ("REDIS_URL", "redis://", "redis://"),
        ("REDIS_URL", "redis://:pass/word@cache.example", "redis://"),
        ("DATABASE_READERS", "0", "greater than or equal to 1"),
        ("DATABASE_REPLICA_URL", "sqlite:///copy.db", "postgresql://"),
        ("DATABASE_REPLICA_URL", "postgresql://copy.example/books", "needs DATABASE_URL"),
        ("RESPONSE_CACHE_FOR", "temperature,top_p", "of temperature"),
        ("RESPONSE_CACHE_PERCENT", "101", "100"),
        ("KEY_REQUESTS_PER_MINUTE", "-1", "greater than or equal to 0"),
    ],
)
def test_a_refusal_says_what_is_wanted(name: str, value: str, wanted: str) -> None:
    text = refusal(**{name: value})

    assert text.startswith(f"{name}: ")
    assert len(text.splitlines()) == 1
    assert any(word in text for word in wanted.split("|"))


@given(st.decimals("0.000000001", "100", places=9))
def test_factors_are_exact(fee: Decimal) -> None:
    assert load_settings({"EXCHANGE_FEE": str(fee)}, None).exchange_fee == fee


def test_a_float_near_money_is_refused_in_code_too() -> None:
    with pytest.raises(ValidationError, match="must be exact"):
        Settings(exchange_fee=1.005)


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=30)))
def test_any_environment_gives_settings_or_one_line_per_variable(environ: dict[str, str]) -> None:
    given_environ = {name.upper(): value for name, value in environ.items()}
    try:
        load_settings(given_environ, None)
    except SettingsError as error:
        names = {line.partition(":")[0] for line in str(error).splitlines()}
        assert names
        assert names <= set(given_environ)


@pytest.mark.parametrize(
    "text", ["https://a.example/, HTTPS://B.example", '["https://a.example","https://b.example/"]']
)
def test_lists_are_comma_separated_or_json(text: str) -> None:
    settings = load_settings({"CASHU_MINTS": text}, None)

    assert settings.cashu_mints == ("https://a.example", "https://b.example")


def test_values_are_brought_to_one_form() -> None:
    settings = load_settings(
        {
            "CASHU_MINTS": "https://a.example,https://A.example:443/,",
            "CORS_ORIGINS": "https://App.Example",
            "FORWARD_HEADERS": "X-Trace, x-trace",
            "ONION_URL": "abcdef.onion",
            "TRUSTED_PROXIES": "10.0.0.7/8, 0:0::1,10.0.0.0/8",
            "UPSTREAM_BASE_URL": "https://api.example/v1/",
            "ROUTSTR_SECRET_KEY": "AB" * 32 + "\n",
            "PRIMARY_MINT_URL": "https://a.example/",
            "REDIS_URL": "valkeys://:password@cache.example:6380/1 ",
            "RESPONSE_CACHE_FOR": "seed, temperature, seed",
            "MINT_EXPOSURE_SAT_MAX_OF": "https://A.example/=5, https://a.example= 7",
        },
        None,
    )

    assert settings.cashu_mints == ("https://a.example",)
    assert settings.cors_origins == ("https://app.example",)
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.forward_headers == ("x-trace",)
    assert settings.mint_exposure_sat_max_of == ("https://a.example=7",)
    assert settings.onion_url == "http://abcdef.onion"
    assert settings.upstream_base_url == "https://api.example/v1"
    assert settings.routstr_secret_key == Secret("AB" * 32)
    assert settings.redis_url.reveal() == "rediss://:password@cache.example:6380/1"
    assert settings.response_cache_for == ("temperature", "seed")


def test_the_sqlite_file_is_known() -> None:
    assert Settings(database_url="sqlite:///a/b.db").database_file == Path("a/b.db")
    assert Settings(database_url="postgresql://h/d").database_file is None


def test_secrets_are_not_printed_with_the_settings() -> None:
    settings = Settings(upstream_api_key="planted-1", database_url="postgresql://u:planted-2@h/d")

    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "planted" not in text


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_changes_defaults_only(profile: str) -> None:
    plain = Settings().model_dump()
    changed = Settings(routstr_env=profile).model_dump()
    differing = {name for name in plain if plain[name] != changed[name]} - {"routstr_env"}

    assert differing == set(PROFILES[profile])
    for name in differing:
        overridden = load_settings({"ROUTSTR_ENV": profile, name.upper(): str(plain[name])}, None)
        assert getattr(overridden, name) == plain[name]


def test_development_accepts_a_mint_on_this_machine() -> None:
    environ = {"ROUTSTR_ENV": "development", "CASHU_MINTS": "http://127.0.0.1:3338"}

    assert load_settings(environ, None).cashu_mints == ("http://127.0.0.1:3338",)
