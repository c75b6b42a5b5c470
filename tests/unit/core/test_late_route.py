from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.testclient import TestClient

from routstr.core.late_route import LateRoute, include


def parts_read(_asked: Annotated[int, Query()] = 0) -> int:
    """What a route depends on."""
    return _asked + 1


router = APIRouter(route_class=LateRoute, tags=["things"])


@router.get("/things/{number}")
async def thing(number: int, read: Annotated[int, Depends(parts_read)]) -> dict[str, int]:
    """Tell of one."""
    return {"number": number, "read": read}


@router.get("", include_in_schema=False)
async def start() -> dict[str, str]:
    return {"where": "start"}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    include(app, router, "/v1")
    include(app, router, "/old", shown=False)
    return app


def worked_out(app: FastAPI) -> list[str]:
    return [r.path for r in app.routes if isinstance(r, LateRoute) and "app" in r.__dict__]


def test_a_route_is_worked_out_when_it_is_asked_for_and_not_before(app: FastAPI) -> None:
    assert worked_out(app) == []
    with TestClient(app) as client:
        assert client.get("/v1/things/7?_asked=4").json() == {"number": 7, "read": 5}
    assert worked_out(app) == ["/v1/things/{number}"]


def test_no_pattern_is_compiled_for_a_route_that_cannot_be_meant(app: FastAPI) -> None:
    with TestClient(app) as client:
        assert client.get("/v1/things/7").status_code == 200
        assert client.get("/v1/thing").status_code == 404
        assert client.get("/v1/").status_code == 200  # led to the path without the slash
        assert client.get("/nothing").status_code == 404
    found = [r.path for r in app.routes if isinstance(r, LateRoute) and "path_regex" in r.__dict__]
    assert found == ["/v1/things/{number}", "/v1"]


def test_a_route_is_found_below_the_path_of_a_proxy(app: FastAPI) -> None:
    with TestClient(app, root_path="/node") as client:
        assert client.get("/node/v1/things/7").json() == {"number": 7, "read": 1}
        assert client.get("/node/v1").json() == {"where": "start"}


def test_it_refuses_what_every_route_refuses(app: FastAPI) -> None:
    with TestClient(app) as client:
        assert client.get("/v1/things/seven").status_code == 422
        assert client.post("/v1/things/7").status_code == 405
        assert client.head("/v1/things/7").status_code == 405
        assert client.get("/v1").json() == {"where": "start"}
        assert client.get("/old/things/1").json() == {"number": 1, "read": 1}


def test_the_description_tells_what_is_shown_and_only_that(app: FastAPI) -> None:
    told = app.openapi()["paths"]
    assert list(told) == ["/v1/things/{number}"]
    assert told["/v1/things/{number}"]["get"]["tags"] == ["things"]
    assert told["/v1/things/{number}"]["get"]["description"] == "Tell of one."


def test_what_a_route_does_not_have_is_still_an_error(app: FastAPI) -> None:
    route = next(r for r in app.routes if isinstance(r, LateRoute))
    with pytest.raises(AttributeError, match="colour"):
        _ = route.colour
