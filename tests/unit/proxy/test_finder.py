import pytest

from tests.unit.proxy.shelf import listed


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/files", 400, "no_price"),
        ("POST", "/files/f/content", 400, "no_price"),
        ("GET", "/v1/batches/", 400, "no_price"),
        ("GET", "/v1/files/%2e%2e", 400, "invalid_path"),
        ("GET", "/v1/tool/../responses", 400, "invalid_path"),
        ("GET", "/v1//tool", 400, "invalid_path"),
        ("GET", "/v1/responses/r", 404, "not_found"),
    ],
)
async def test_what_is_not_sold_is_refused_without_a_hold(
    method: str, path: str, status: int, code: str
) -> None:
    async with listed({"path": "/v1/tool"}) as node:
        answered = await node.ask(raw=b"", path=path, method=method)
        assert (answered.status, answered.json()["error"]["code"]) == (status, code)
        assert node.books.holds == {}
        assert node.upstream.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/tool"),
        ("POST", "/v1/tool/x"),
        ("GET", "/"),
        ("GET", "/v1/%66iles"),
        ("PATCH", "/v1/responses/r"),
        ("GET", "/v1/unheard"),
    ],
)
async def test_any_other_path_is_the_application_s(method: str, path: str) -> None:
    async with listed({"path": "/v1/tool"}) as node:
        assert (await node.ask(raw=b"", path=path, method=method)).body == b"the application"
