"""A node that is spoken to over HTTPS only, and what others get."""

from pathlib import Path
from typing import Any

from starlette.types import Message

from routstr.assembly.running import Running
from tests.unit.assembly.living import node
from tests.unit.core.asgi import Answer, ask, http_scope

URL = "https://node.example"


async def over(app: Any, scheme: str, path: str, *headers: tuple[str, str]) -> Answer:
    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "scheme": scheme}, receive, send)

    method = "POST" if path == "/v1/chat/completions" else "GET"
    return await ask(served, method, path, headers=[("Host", "node.example"), *headers])


async def upgrade(running: Running) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = http_scope("GET", "/v1/realtime", [("Host", "node.example")])
    await running.entrance({**scope, "type": "websocket", "scheme": "ws"}, receive, send)
    return sent


async def test_what_came_over_plain_http_is_told_where_to_go(tmp_path: Path) -> None:
    async with node(tmp_path, http_url=URL) as (app, _, running):
        for path in ("/v1/balance/info", "/v1/chat/completions", "/nowhere"):
            answer = await over(app, "http", path)
            told = answer.json()["error"]
            assert (answer.status, told["code"]) == (403, "https_required")
            assert told["details"] == {"url": URL}
            assert answer.header("access-control-allow-origin") == "*"
            assert answer.header("x-routstr-request-id") == answer.json()["request_id"]
            assert answer.header("strict-transport-security") is None
        page = await over(app, "http", "/admin/login", ("Accept", "text/html"))
        assert (page.status, page.header("content-type")) == (403, "text/html; charset=utf-8")
        assert URL in page.body.decode()
        start, body = await upgrade(running)
        assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
        assert b"https_required" in body["body"]

        served = await over(app, "https", "/v1/info")
        assert (served.status, served.json()["http_url"]) == (200, URL)
        assert served.header("strict-transport-security") == "max-age=31536000"
        hot = await over(app, "https", "/v1/chat/completions")
        assert hot.header("strict-transport-security") == "max-age=31536000"
        assert (await over(app, "http", "/health")).status != 403
