from pathlib import Path

import pytest

from scripts.ambient import clean, inside


@pytest.mark.parametrize(
    "name",
    [
        *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"),
        *("PIP_TARGET", "PIP_PREFIX", "PIP_CONSTRAINT", "PIP_NO_BINARY", "PIP_REQUIRE_VIRTUALENV"),
        *("UV_PYTHON", "UV_TARGET", "UV_PROJECT_ENVIRONMENT", "UV_EXCLUDE_NEWER", "UV_NO_BINARY"),
        *("DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "UPSTREAM_BASE_URL", "CASHU_MINTS"),
        *("PYTEST_ADDOPTS", "COVERAGE_FILE", "MYPYPATH", "MAKEFLAGS", "BASH_ENV", "PYTHON"),
    ],
)
def test_what_would_change_the_outcome_stays_outside(name: str) -> None:
    assert name not in clean({name: "anything"})


@pytest.mark.parametrize(
    "name",
    [
        *("HOME", "PATH", "TMPDIR", "LANG", "LC_ALL", "TERM", "CI", "ONCE"),
        *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CERT"),
        *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_COMPANY_PASSWORD", "UV_FIND_LINKS"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"),
    ],
)
def test_the_person_the_index_and_the_certificates_pass(name: str) -> None:
    assert clean({name: "anything"})[name] == "anything"


def test_loopback_needs_no_proxy_and_other_exceptions_stay() -> None:
    surroundings = clean({"no_proxy": "internal.example, localhost"})

    assert surroundings["NO_PROXY"] == "internal.example,localhost,127.0.0.1,::1"
    assert surroundings["no_proxy"] == surroundings["NO_PROXY"]


def test_an_installation_for_the_user_is_refused_whatever_is_configured() -> None:
    assert clean({"PIP_USER": "1"})["PIP_USER"] == "0"


def test_no_interpreter_is_ever_downloaded() -> None:
    assert clean({"UV_PYTHON_DOWNLOADS": "automatic"})["UV_PYTHON_DOWNLOADS"] == "never"


@pytest.mark.parametrize(("ambient", "expected"), [({}, "1"), ({"UV_SYSTEM_CERTS": "0"}, "0")])
def test_the_machines_certificates_are_trusted_unless_the_person_says_no(
    ambient: dict[str, str], expected: str
) -> None:
    assert clean(ambient)["UV_SYSTEM_CERTS"] == expected


def test_the_environments_programs_are_found_first() -> None:
    assert inside(Path("/work tree/.venv"), {"PATH": "/usr/bin"}) == {
        "PATH": "/work tree/.venv/bin:/usr/bin"
    }
