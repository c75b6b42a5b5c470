import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from routstr.catalog.custom import (
    NAME_CHARS_MAX,
    CustomEndpoint,
    CustomFileError,
    Price,
    load_custom,
    parse_custom,
)
from routstr.catalog.snapshot import PER_MSAT
from routstr.errors import PriceUnavailable

MSAT = {"msat": 100}


def entry(**more: Any) -> CustomEndpoint:
    raw = {"method": "POST", "path": "/v1/tools/{name}", "price": MSAT, **more}
    (found,) = parse_custom(json.dumps([raw]).encode())
    return found


@pytest.mark.parametrize(
    ("path", "segments", "found"),
    [
        ("/v1/tools", ("tools",), {}),
        ("/tools/{name}", ("tools", "x"), {"name": "x"}),
        ("tools/*", ("tools", "a", "b"), {"*": "a/b"}),
        ("/v1/tools/{a}/runs/{b_c}", ("tools", "1", "runs", "2"), {"a": "1", "b_c": "2"}),
        ("/v1/tools", ("tools", "x"), None),
        ("/v1/tools/{name}", ("tools",), None),
        ("/v1/tools/*", ("tools",), None),
        ("/v1/tools/{name}", ("other", "x"), None),
    ],
)
def test_a_path_is_compared_segment_by_segment(
    path: str, segments: tuple[str, ...], found: dict[str, str] | None
) -> None:
    assert entry(path=path).match(segments) == found


def test_names_lead_to_the_provider_s_path() -> None:
    assert entry().upstream({"name": "x"}) == "tools/x"
    other = entry(path="/v1/tools/{name}/*", upstream_path="/v2/{name}/run/*")
    assert other.upstream({"name": "x", "*": "a/b"}) == "v2/x/run/a/b"


def test_the_more_particular_entry_comes_first() -> None:
    paths = ["/v1/t/*", "/v1/t/{a}/{b}", "/v1/t/{a}", "/v1/t/x"]
    raw = [{"method": "GET", "path": path, "price": MSAT} for path in paths]
    found = parse_custom(json.dumps(raw).encode())
    assert [one.path for one in found] == ["/v1/t/x", "/v1/t/{a}", "/v1/t/{a}/{b}", "/v1/t/*"]


@pytest.mark.parametrize(
    ("price", "msat"),
    [(Price(msat=7), 7), (Price(sat=Decimal("0.5")), 500), (Price(usd=Decimal("0.001")), 1_000)],
)
def test_a_price_is_in_one_of_three_units(price: Price, msat: int) -> None:
    assert price.rate(Decimal(100_000)) == msat * PER_MSAT


def test_a_price_in_usd_needs_a_price_of_bitcoin() -> None:
    with pytest.raises(PriceUnavailable):
        Price(usd=Decimal(1)).rate(None)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"path": "/v1/chat/completions"}, "by the node itself"),
        ({"path": "/admin/x"}, "by the node itself"),
        ({"path": "/v1/{anything}"}, "by the node itself"),
        ({"path": "*"}, "by the node itself"),
        ({"path": "/v1/a/../b"}, "plain segments"),
        ({"path": "/v1/a//b"}, "plain segments"),
        ({"path": "/v1/a%2fb"}, "plain segments"),
        ({"path": "/v1/*/b"}, "plain segments"),
        ({"upstream_path": "a/{other}"}, "names that path has not"),
        ({"upstream_path": "a/../b"}, "plain segments"),
        ({"path": "/v1/" + "a" * NAME_CHARS_MAX}, "longer"),
        ({"method": "TRACE"}, "method"),
        ({"method": []}, "method"),
        ({"price": {}}, "one of"),
        ({"price": {"msat": 1, "sat": "1"}}, "one of"),
        ({"price": {"msat": -1}}, "from 0"),
        ({"price": {"usd": "NaN"}}, "a number"),
        ({"price": {"euro": 1}}, "euro"),
        ({"price": None}, "price"),
        ({"per_kb_in": {}}, "per_kb_in"),
        ({"max_kb_out": 0}, "max_kb_out"),
        ({"prise": 1}, "prise"),
    ],
)
def test_a_wrong_entry_is_told(more: dict[str, Any], told: str) -> None:
    with pytest.raises(CustomFileError, match=told):
        entry(**more)


def test_an_entry_stands_once() -> None:
    raw = [{"method": "GET", "path": path, "price": MSAT} for path in ("/v1/t/{a}", "/v1/t/{b}")]
    with pytest.raises(CustomFileError, match="twice"):
        parse_custom(json.dumps(raw).encode())


def test_the_file_is_read_or_named(tmp_path: Path) -> None:
    assert load_custom(Path()) == ()
    file = tmp_path / "custom.json"
    with pytest.raises(CustomFileError, match=r"custom\.json"):
        load_custom(file)
    file.write_text("nonsense")
    with pytest.raises(CustomFileError, match=r"custom\.json"):
        load_custom(file)
    file.write_text("[]")
    assert load_custom(file) == ()
