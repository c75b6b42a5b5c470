"""Alerts arrive at a server that is really there."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.payment.alert_sending import AlertSender, Wording
from routstr.payment.alert_store import Alert

ALERT = Alert("mint_down", "https://a.example", {"problem": "x"}, 1_000, None, None)


class Inbox:
    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    inbox, app = Inbox(), web.Application()
    app.router.add_post("/{path:.*}", inbox.take)
    async with TestServer(app) as server:
        inbox.url = str(server.make_url("")).rstrip("/")
        yield inbox


async def send(inbox: Inbox, alert: Alert, *, loopback: bool = True, ntfy: str = "/topic") -> bool:
    async with outgoing_session(Settings(), allow_loopback=loopback) as session:
        sender = AlertSender(
            session,
            lambda one: Wording(f"Über {one.subject}", "Do this."),
            node="n",
            webhook_url=f"{inbox.url}/hook",
            ntfy_url=ntfy and inbox.url + ntfy,
        )
        return await sender.send(alert)


async def test_a_hook_gets_json_and_ntfy_a_message(inbox: Inbox) -> None:
    assert await send(inbox, ALERT)
    (hook, _, body), (topic, headers, text) = inbox.got
    assert (hook, topic) == ("/hook", "/topic")
    assert b'"state": "raised"' in body
    assert b'"since": "1970-01-01T00:00:01+00:00"' in body
    assert (headers["Title"], headers["Priority"]) == ("n: ?ber https://a.example", "high")
    assert text == b"Do this."


async def test_an_end_is_told_as_one(inbox: Inbox) -> None:
    over = Alert("mint_down", "m", {}, 1_000, 5_000, 2_000)
    assert await send(inbox, over)
    assert b'"state": "cleared"' in inbox.got[0][2]
    assert inbox.got[1][1]["Tags"] == "white_check_mark"


@pytest.mark.parametrize("status", [302, 500])
async def test_a_refusal_is_no_delivery_and_no_redirect_is_followed(
    inbox: Inbox, status: int
) -> None:
    inbox.status = status
    assert not await send(inbox, ALERT, ntfy="")
    assert [path for path, *_ in inbox.got] == ["/hook"]


async def test_a_private_address_is_never_reached(inbox: Inbox) -> None:
    assert not await send(inbox, ALERT, loopback=False)
    assert not inbox.got


@pytest.mark.parametrize("taken", [True, False])
async def test_a_private_message_says_what_is_wrong_and_what_to_do(taken: bool) -> None:
    said: list[str] = []

    async def message(text: str) -> bool:
        said.append(text)
        return taken

    async with outgoing_session(Settings()) as session:
        sender = AlertSender(
            session,
            lambda _: Wording("The mint is down", "Do this."),
            node="n",
            webhook_url="",
            ntfy_url="",
            message=message,
        )
        assert await sender.send(ALERT) is taken
    assert said == ["n: The mint is down\n\nDo this."]
