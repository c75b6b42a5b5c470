import pytest

from scripts.bootstrap.index import for_pip, for_uv, parse


def test_pips_settings_are_read_with_the_environment_winning() -> None:
    listing = (
        "global.index-url='https://mirror.example/simple'\n"
        "global.cert='/etc/company.pem'\n"
        "install.find-links='/wheels /more wheels'\n"
        ":env:.cert='/home/me/mine.pem'\n"
        "freeze.timeout='10'\n"
        "a line that is no setting\n"
    )

    assert parse(listing) == {
        "index-url": "https://mirror.example/simple",
        "cert": "/home/me/mine.pem",
        "find-links": "/wheels /more wheels",
    }


def test_a_quote_in_a_value_is_read() -> None:
    assert parse('global.proxy="http://me:it\'s@proxy.example"\n') == {
        "proxy": "http://me:it's@proxy.example"
    }


@pytest.mark.parametrize(
    ("key", "value", "name", "expected"),
    [
        ("index-url", "https://mirror.example", "UV_DEFAULT_INDEX", "https://mirror.example"),
        ("extra-index-url", "https://a\nhttps://b", "UV_EXTRA_INDEX_URL", "https://a https://b"),
        ("find-links", "/one\n/two", "UV_FIND_LINKS", "/one,/two"),
        ("no-index", "True", "UV_NO_INDEX", "1"),
        ("no-index", "0", "UV_NO_INDEX", "0"),
        ("trusted-host", "a b", "UV_INSECURE_HOST", "a b"),
        ("cert", "/company.pem", "SSL_CERT_FILE", "/company.pem"),
        ("proxy", "http://proxy.example:3128", "HTTPS_PROXY", "http://proxy.example:3128"),
    ],
)
def test_what_pip_was_told_is_told_to_uv(key: str, value: str, name: str, expected: str) -> None:
    assert for_uv({key: value}, {"HOME": "/home/me"})[name] == expected


def test_what_uv_was_told_stays() -> None:
    told = {"UV_INDEX_URL": "https://mine.example", "https_proxy": "http://mine.example"}

    result = for_uv({"index-url": "https://pips.example", "proxy": "http://pips.example"}, told)

    assert result == {**told, "UV_INDEX_STRATEGY": "unsafe-best-match"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"SSL_CERT_FILE": "/company.pem"}, "/company.pem"),
        ({"SSL_CERT_FILE": "/company.pem", "PIP_CERT": "/pips.pem"}, "/pips.pem"),
    ],
)
def test_pip_trusts_what_openssl_was_told_to_trust(
    environment: dict[str, str], expected: str | None
) -> None:
    assert for_pip(environment).get("PIP_CERT") == expected
