import gzip

import pytest

from routstr.theme.assets import PREFIX, Assets
from tests.unit.theme.pages import PACKAGES, get


async def test_a_file_is_kept_for_ever_under_the_digest_of_its_content() -> None:
    answer = await get(Assets(PACKAGES).url("theme/style.css"), accept_encoding="br, gzip")
    assert answer.status == 200
    assert answer.header("content-type") == "text/css; charset=utf-8"
    assert "immutable" in (answer.header("cache-control") or "")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("content-encoding") == "gzip"
    assert b":root" in gzip.decompress(answer.body)


async def test_whoever_cannot_unpack_gets_it_plain() -> None:
    answer = await get(Assets(PACKAGES).url("theme/vendor/htmx.js"))
    assert answer.header("content-encoding") is None
    assert answer.header("content-type") == "text/javascript; charset=utf-8"
    assert b"htmx" in answer.body


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/000000000000/theme/style.css",
        f"{PREFIX}/theme/style.css",
        f"{PREFIX}/../theme/texts/en/base.toml",
        f"{PREFIX}/%2e%2e/%2e%2e/engine.py",
        f"{PREFIX}/",
    ],
)
async def test_nothing_else_is_given(path: str) -> None:
    assert (await get(path)).status == 404


def test_a_file_that_there_is_not_has_no_address() -> None:
    with pytest.raises(KeyError):
        Assets(PACKAGES).url("theme/nothing.js")
