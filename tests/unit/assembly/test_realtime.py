"""Conversations stand beside the hot routes; everything else is theirs."""

from pathlib import Path
from typing import Any, cast

from routstr.assembly.endpoints import EndpointParts
from routstr.assembly.realtime import with_realtime
from routstr.catalog.service import Catalog
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.proxy.realtime.route import RealtimeRoute
from tests.unit.core.asgi import http_scope


async def test_requests_pass_and_connections_of_a_draining_node_do_not(tmp_path: Path) -> None:
    nothing = cast("Any", None)
    seen: list[str] = []

    class Hot:
        draining = True

        async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
            seen.append(scope["type"])

    settings = Settings(database_url=Secret(f"sqlite:///{tmp_path}/node.db"))
    catalog = cast("Catalog", Hot)
    catalog.current = nothing  # type: ignore[method-assign]
    parts = EndpointParts(settings, nothing, catalog, nothing, nothing, nothing)
    route = with_realtime(cast("Any", Hot()), parts, nothing, None)
    assert isinstance(route, RealtimeRoute)
    await route(http_scope("GET", "/v1/realtime"), nothing, nothing)
    await route({**http_scope("GET", "/v1/other"), "type": "websocket"}, nothing, nothing)
    assert seen == ["http", "websocket"]
    assert route._draining()
