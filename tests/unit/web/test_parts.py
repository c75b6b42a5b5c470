import pytest
from fastapi import Request

from routstr.core.settings import Settings
from routstr.web.parts import BrowserRoute, address_of
from tests.unit.core.asgi import http_scope
from tests.unit.web.shop import Shop, catalog


async def _endpoint() -> None:
    """Never called."""


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [("text/html,application/xhtml+xml", True), ("TEXT/HTML", True), ("*/*", False),
     ("application/json", False), (None, False)],
)  # fmt: skip
def test_a_page_is_for_who_asks_for_html(accept: str | None, is_page: bool) -> None:
    headers = [] if accept is None else [("accept", accept)]
    match, _ = BrowserRoute("/", _endpoint).matches(http_scope("GET", "/", headers))
    assert (match.name != "NONE") is is_page


def test_a_node_is_where_its_operator_says_or_where_it_was_asked() -> None:
    request = Request(http_scope("GET", "/", [("host", "node.example:8000")]))
    assert address_of(request, Settings()) == "http://node.example:8000"
    told = Settings(http_url="https://told.example")
    assert address_of(request, told) == "https://told.example"


def test_the_time_since_the_start_is_known() -> None:
    shop = Shop(catalog())
    shop.clock.advance(seconds=3)
    assert shop.app.state.web.uptime_s == 3
