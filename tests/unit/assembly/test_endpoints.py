from collections.abc import Awaitable
from pathlib import Path
from typing import Any, cast

import pytest

from routstr.assembly.endpoints import EndpointParts, build_found, noted
from routstr.catalog.custom import CustomFileError
from routstr.core.secret import Secret
from routstr.core.settings import Settings

NOTHING: Any = cast("Any", None)


def parts(folder: Path, **more: Any) -> EndpointParts:
    settings = Settings(database_url=Secret(f"sqlite:///{folder}/node.db"), **more)
    catalog = cast("Any", type("Catalog", (), {"current": None}))
    once = cast("Any", type("Once", (), {"around": lambda _self, _endpoint, serve: serve})())
    return EndpointParts(settings, NOTHING, catalog, NOTHING, NOTHING, once)


def test_the_operator_s_list_is_read_at_the_start_or_stops_it(tmp_path: Path) -> None:
    assert build_found(parts(tmp_path), NOTHING).find("GET", b"/v1/tool") is None
    file = tmp_path / "custom.json"
    with pytest.raises(CustomFileError, match=r"custom\.json"):
        build_found(parts(tmp_path, custom_endpoints_path=file), NOTHING)
    file.write_text('[{"method": "GET", "path": "/v1/tool", "price": {"msat": 1}}]')
    found = build_found(parts(tmp_path, custom_endpoints_path=file), NOTHING)
    assert found.find("GET", b"/v1/tool") is not None


def test_only_the_endpoint_of_responses_is_noted() -> None:
    def serve(*_: object) -> Awaitable[None]:
        raise AssertionError

    routes = noted({"/v1/responses": serve, "/v1/chat/completions": serve}, NOTHING)
    assert routes["/v1/chat/completions"] is serve
    assert routes["/v1/responses"] is not serve
