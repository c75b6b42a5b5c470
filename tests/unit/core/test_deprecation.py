from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import cast

import pytest
from fastapi import Depends, FastAPI

from routstr.core.access_log import AccessLog
from routstr.core.clock import SystemClock
from routstr.core.cors import Cors
from routstr.core.deprecation import NOTICE, Deprecation
from routstr.core.middleware import ManagementShell, RequestLimits
from routstr.core.rendering import install_error_handlers
from routstr.errors import NotFound, PaymentError
from tests.unit.core.asgi import ask
from tests.unit.proxy.harness import Lines

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SUNSET = datetime(2026, 12, 31, 12, tzinfo=UTC)
PAGE = "https://node.example/docs/versions"
DEPRECATION = Deprecation(SINCE, SUNSET, PAGE)


async def nothing(_: PaymentError) -> None:
    """Nothing settles it."""


def shell() -> ManagementShell:
    api = FastAPI()
    install_error_handlers(api, nothing)

    @api.get("/old", deprecated=True, dependencies=[Depends(DEPRECATION)])
    async def old() -> str:
        return "old"

    @api.get("/old/broken", deprecated=True, dependencies=[Depends(DEPRECATION)])
    async def broken() -> str:
        raise NotFound

    @api.get("/new")
    async def new() -> str:
        return "new"

    lines = cast("AccessLog", Lines())
    limits = RequestLimits(1_000, 1_000, 50)
    return ManagementShell(api, limits=limits, cors=Cors(()), access=lines, clock=SystemClock())


def test_the_headers_are_those_of_the_standards() -> None:
    told = {name.decode(): value.decode() for name, value in DEPRECATION.headers}
    assert told["deprecation"] == f"@{int(SINCE.timestamp())}"  # RFC 9745
    assert told["sunset"] == "Thu, 31 Dec 2026 12:00:00 GMT"  # RFC 8594
    assert parsedate_to_datetime(told["sunset"]) == SUNSET
    assert told["link"] == f'<{PAGE}>; rel="deprecation"; type="text/html"'


@pytest.mark.parametrize(("path", "status"), [("/old", 200), ("/old/broken", 404)])
async def test_every_answer_of_a_deprecated_route_says_so_errors_included(
    path: str, status: int
) -> None:
    answered = await ask(shell(), "GET", path)
    assert answered.status == status
    assert answered.header("deprecation") == "@1767225600"
    assert answered.header("sunset") == "Thu, 31 Dec 2026 12:00:00 GMT"


async def test_other_routes_say_nothing() -> None:
    answered = await ask(shell(), "GET", "/new")
    assert answered.status == 200
    assert answered.header("deprecation") is None


def test_nobody_is_given_less_than_the_promised_time() -> None:
    with pytest.raises(ValueError, match="180 days"):
        Deprecation(SINCE, SINCE + NOTICE - timedelta(days=1), PAGE)
