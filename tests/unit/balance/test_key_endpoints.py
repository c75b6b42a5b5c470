"""Routes of keys: what is parsed, what is passed on, what may be cached."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from routstr.auth.terms import KeyTerms
from routstr.balance.key_endpoints import router
from routstr.balance.key_schemas import (
    ChangeRequest,
    ChildKeysAnswer,
    ChildKeysRequest,
    Done,
    Info,
    RotateAnswer,
)
from routstr.balance.schemas import History
from routstr.core.rendering import install_error_handlers
from tests.unit.core.asgi import Answer, ask

JSON = ("content-type", "application/json")
KEY = ("authorization", "Bearer sk-1")
INFO = Info(
    api_key="sk-1",
    id="key_1",
    balance=5,
    reserved=0,
    total=5,
    total_deposited=5,
    total_spent=0,
    total_requests=0,
    created_at=1,
    last_used_at=None,
    expires_at=None,
    validity_date=None,
    metadata={},
    mint="m",
    unit="sat",
)


class Service:
    """Notes what it was asked; serves as the histories, too."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def info(self, *arguments: object) -> Info:
        self.asked.append(("info", *arguments))
        return INFO

    async def change(self, *arguments: object) -> Info:
        self.asked.append(("change", *arguments))
        return INFO

    async def rotate(self, *arguments: object) -> RotateAnswer:
        self.asked.append(("rotate", *arguments))
        return RotateAnswer(api_key="sk-2", id="key_1")

    async def create_children(self, *arguments: object) -> ChildKeysAnswer:
        self.asked.append(("create_children", *arguments))
        return ChildKeysAnswer(
            api_keys=["sk-3"],
            count=1,
            cost_msats=0,
            cost_sats=0,
            parent_balance=5,
            parent_balance_sats=0,
        )

    async def reset_child(self, *arguments: object) -> Done:
        self.asked.append(("reset_child", *arguments))
        return Done(message="reset")

    async def revoke_child(self, *arguments: object) -> Done:
        self.asked.append(("revoke_child", *arguments))
        return Done(message="revoked")

    async def donate(self, *arguments: object) -> str:
        self.asked.append(("donate", *arguments))
        return "Thanks!"

    async def page(self, authorization: str | None, **page: object) -> History:
        self.asked.append(("history", authorization, page))
        return History(transactions=[], next_before=None)


SERVICE = Service()


@pytest.fixture
def service() -> Service:
    SERVICE.asked.clear()
    return SERVICE


def _app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router, prefix="/v1/balance")
    app.state.keys = app.state.histories = SERVICE
    return app


APP = _app()


async def call(
    method: str,
    path: str,
    body: object = None,
    headers: Sequence[tuple[str, str]] = (KEY, JSON),
    query: str = "",
) -> Answer:
    chunks = [b""] if body is None else [msgspec.json.encode(body)]

    async def with_query(scope: Any, receive: Any, send: Any) -> None:
        await APP({**scope, "query_string": query.encode()}, receive, send)

    answer = await ask(with_query, method, f"/v1/balance{path}", headers=headers, chunks=chunks)
    if answer.status < 400:
        assert answer.header("cache-control") == "no-store"
    return answer


@pytest.mark.parametrize("path", ["/info", "/", ""])
async def test_a_key_is_shown_on_the_terms_of_headers(service: Service, path: str) -> None:
    headers = [KEY, ("Key-Expiry-Time", "9"), ("Refund-LNURL", "a@b.example")]
    answer = await call("GET", path, headers=headers)
    assert answer.json()["api_key"] == "sk-1"
    assert service.asked == [("info", "Bearer sk-1", KeyTerms(9_000, refund_address="a@b.example"))]


async def test_a_time_in_a_header_that_is_none_is_refused(service: Service) -> None:
    answer = await call("GET", "/info", headers=[KEY, ("Key-Expiry-Time", "soon")])
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_parameter")
    assert not service.asked


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/info"), ("POST", "/metadata")])
async def test_a_key_is_changed_by_either_route(service: Service, method: str, path: str) -> None:
    answer = await call(method, path, {"name": "n", "metadata": {"a": 1}})
    assert answer.status == 200
    [(_, authorization, body, headers)] = service.asked
    assert (authorization, headers) == ("Bearer sk-1", KeyTerms())
    assert body == ChangeRequest(name="n", metadata={"a": 1})
    assert body.model_fields_set == {"name", "metadata"}
    assert (await call(method, path, {"metadata": [1]})).status == 422


async def test_a_key_is_rotated(service: Service) -> None:
    answer = await call("POST", "/rotate")
    assert answer.json() == {"api_key": "sk-2", "id": "key_1"}
    assert service.asked == [("rotate", "Bearer sk-1", None)]


async def test_child_keys_are_made_reset_and_revoked(service: Service) -> None:
    made = await call("POST", "/child-key", {"count": 2, "balance_limit": 5})
    assert made.json()["api_keys"] == ["sk-3"]
    await call("POST", "/child-key/reset", {"child_key": "sk-3"})
    done = await call("POST", "/child-key/revoke", {"child_key": "key_3"})
    assert done.json() == {"success": True, "message": "revoked"}
    assert service.asked == [
        ("create_children", "Bearer sk-1", ChildKeysRequest(count=2, balance_limit=5), None),
        ("reset_child", "Bearer sk-1", "sk-3"),
        ("revoke_child", "Bearer sk-1", "key_3"),
    ]


@pytest.mark.parametrize("body", [{}, {"child_key": ""}, {"child_key": "x" * 201}])
async def test_a_child_key_has_to_be_named(service: Service, body: object) -> None:
    assert (await call("POST", "/child-key/reset", body)).status == 422
    assert (await call("POST", "/child-key/revoke", body)).status == 422
    assert not service.asked


async def test_a_gift_is_in_the_body_or_the_query(service: Service) -> None:
    by_query = await call("POST", "/donate", headers=[], query="token=cashuA&ref=r")
    assert by_query.json() == "Thanks!"
    await call("POST", "/donate", {"token": "cashuB", "ref": "s"}, [JSON])
    assert service.asked == [("donate", "cashuA", "r"), ("donate", "cashuB", "s")]
    assert (await call("POST", "/donate", headers=[])).status == 400


async def test_a_history_has_bounds(service: Service) -> None:
    assert (await call("GET", "/history", query="limit=7&before=3")).status == 200
    assert service.asked == [("history", "Bearer sk-1", {"limit": 7, "before": 3})]
    for query in ("limit=0", "limit=501", "before=0"):
        assert (await call("GET", "/history", query=query)).status == 422
