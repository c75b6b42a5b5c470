"""A proxy in front of a real mint, on loopback, that lets single calls go wrong.

``async with FaultProxy(mint.url) as proxy`` passes everything on unchanged until told otherwise::

    proxy.plan("/v1/swap", lost(handled=True))             # the next swap
    proxy.plan("/v1/restore", broken(handled=False), number=2, lasting=True)

Calls are counted per path since the last :meth:`FaultProxy.reset`; every one is on record.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
from aiohttp import web
from yarl import URL

from devkit.faults import Answer, Fault, Lost, honest
from devkit.ports import LOOPBACK

_WITH_IDS: Final = ("/v1/keys/", "/v1/mint/quote/bolt11/", "/v1/melt/quote/bolt11/")


@dataclass(slots=True)
class Call:
    """One call that came through: the ``number``-th to ``path`` since the reset.

    ``path`` is without the id of a keyset or quote. ``handled`` tells whether the mint answered it,
    ``status`` what the node heard (None: nothing), ``faulty`` whether that was played.
    """

    path: str
    number: int
    handled: bool = False
    status: int | None = None
    faulty: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    path: str
    number: int
    fault: Fault
    lasting: bool

    def fits(self, call: Call) -> bool:
        if self.path not in {call.path, ""}:
            return False
        return call.number == self.number or (self.lasting and call.number > self.number)


class FaultProxy:
    """Stands between one node and one mint."""

    def __init__(self, target: str) -> None:
        self.calls: list[Call] = []
        self._target = target
        self._rules: list[_Rule] = []
        self._counts: Counter[str] = Counter()
        self._port = 0

    @property
    def url(self) -> str:
        """The address by which the node knows its mint."""
        return f"http://{LOOPBACK}:{self._port}"

    def plan(self, path: str, fault: Fault, *, number: int = 1, lasting: bool = False) -> None:
        """Let the ``number``-th call to ``path`` from the last reset on go wrong.

        ``lasting``: and all further ones. An empty path stands for every path.
        """
        self._rules.append(_Rule(path, number, fault, lasting))

    def reset(self) -> None:
        """Forget faults and calls; counting begins anew."""
        self._rules.clear()
        self._counts.clear()
        self.calls = []

    async def __aenter__(self) -> Self:
        # no kept connections: one that the mint closes at the wrong moment would be a fault of ours
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        call = self._note(request.path)
        body = await request.read()

        async def forward() -> Answer:
            answer = await self._forward(request, body)
            call.handled = True
            return answer

        fault = next((rule.fault for rule in self._rules if rule.fits(call)), None)
        call.faulty = fault is not None
        try:
            answer = await (fault or honest())(forward)
        except Lost:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # for nobody: the connection is gone
        call.status = answer.status
        headers = {"Content-Type": answer.content_type}
        if answer.retry_after:
            headers["Retry-After"] = answer.retry_after
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _note(self, path: str) -> Call:
        name = next((prefix for prefix in _WITH_IDS if path.startswith(prefix)), path)
        self._counts[name] += 1
        call = Call(name, self._counts[name])
        self.calls.append(call)
        return call

    async def _forward(self, request: web.BaseRequest, body: bytes) -> Answer:
        async with self._session.request(
            request.method,
            URL(self._target + request.raw_path, encoded=True),
            data=body or None,
            headers={"Content-Type": request.headers.get("Content-Type", "application/json")},
        ) as response:
            kind = response.headers.get("Content-Type", "application/json")
            retry_after = response.headers.get("Retry-After", "")
            return Answer(response.status, await response.read(), kind, retry_after)
