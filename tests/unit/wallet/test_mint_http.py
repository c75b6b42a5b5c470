import asyncio
import gzip
import socket
from contextlib import suppress

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult

from routstr.core.clock import ManualClock
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mint_http import MAX_ANSWER_BYTES, MintHttp, path_part
from tests.unit.wallet.fake_mint import FakeMint, Json

PATH = "/v1/swap"


class Answer(msgspec.Struct):
    signatures: list[str]


@pytest.fixture
def http(fake: FakeMint, session: aiohttp.ClientSession, gate: MintGate) -> MintHttp:
    return MintHttp(fake.url, session, gate)


async def post(
    http: MintHttp, *, timeout_s: float = 5, doubted: frozenset[int] = frozenset()
) -> Answer:
    return await http.post(PATH, {"a": 1}, Answer, timeout_s, doubted=doubted)


class Resolver(AbstractResolver):
    """Looks names up for ever, or fails at once."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s

    async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
        await asyncio.sleep(self._wait_s)
        raise OSError("no such name")

    async def close(self) -> None:
        pass


async def test_json_goes_out_and_a_typed_answer_comes_back(fake: FakeMint, http: MintHttp) -> None:
    fake.reply(PATH, 200, {"signatures": ["x"], "new": {"field": 1}})
    assert (await post(http)).signatures == ["x"]
    assert fake.requests == [("POST", PATH, {"a": 1})]
    assert fake.headers[0]["Content-Type"] == "application/json"
    assert fake.headers[0]["Accept-Encoding"] == "identity"
    assert (await http.get(PATH, Answer, 5)).signatures == ["x"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_a_protocol_error_is_a_refusal(fake: FakeMint, http: MintHttp, status: int) -> None:
    fake.reply(PATH, status, {"detail": "Token already spent.", "code": 11001})
    with pytest.raises(MintRefusal) as caught:
        await post(http)
    assert (caught.value.code, caught.value.detail) == (11001, "Token already spent.")


@pytest.mark.parametrize("status", [404, 405, 422])
@pytest.mark.parametrize("detail", ["Not Found", [{"loc": ["body"], "input": "secret"}]])
async def test_a_request_that_never_reached_a_handler_is_a_refusal(
    fake: FakeMint, http: MintHttp, status: int, detail: object
) -> None:
    fake.reply(PATH, status, {"detail": detail})
    with pytest.raises(MintRefusal) as caught:
        await post(http)
    assert caught.value.code is None
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"detail": "database is locked", "code": 0}),  # nutshell's code for anything
        (422, {"detail": "oops", "code": 0}),
        (400, {"detail": "who knows"}),
        (400, {"code": "11001"}),
        (400, b"<html>Bad Request</html>"),
        (403, b"<html>Attention Required!</html>"),
        (404, b"<html>nginx</html>"),
        (400, b""),
        (400, [1]),
        (408, {"detail": "timeout", "code": 11001}),
        (425, {"detail": "early", "code": 11001}),
        (499, {"detail": "closed", "code": 11001}),
        (500, {"detail": "Internal", "code": 11001}),
        (502, b"<html>Bad Gateway</html>"),
        (503, {"detail": "later", "code": 11001}),
        (504, b""),
        (201, {"signatures": []}),
        (204, b""),
        (200, b""),
        (200, b"<html>Welcome</html>"),
        (200, b'{"signatures": ['),
        (200, b"[" * 100_000),
        (200, b'{"signatures": ["\xff"]}'),
        (200, b'{"signatures": [], "z": ' + b"9" * 10_000 + b"9x}"),
        (200, {"signatures": [1]}),
        (200, {"signatures": None}),
        (200, {}),
        (200, []),
    ],
)
async def test_whatever_is_not_certain_is_unclear(
    fake: FakeMint, http: MintHttp, status: int, body: object
) -> None:
    fake.reply(PATH, status, body)
    with pytest.raises(MintUnclear):
        await post(http)


async def test_an_unclear_answer_keeps_the_mints_code_as_a_hint(
    fake: FakeMint, http: MintHttp
) -> None:
    fake.reply(PATH, 500, {"detail": "Token already spent.", "code": 11001})
    with pytest.raises(MintUnclear, match="500: Token already spent") as caught:
        await post(http)
    assert caught.value.code == 11001


async def test_codes_that_may_come_after_the_fact_are_unclear_where_doubted(
    fake: FakeMint, http: MintHttp
) -> None:
    fake.reply(PATH, 400, {"detail": "not balanced", "code": 11000})
    with pytest.raises(MintRefusal):
        await post(http)
    with pytest.raises(MintUnclear):
        await post(http, doubted=frozenset({11000}))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(fake: FakeMint, http: MintHttp, status: int) -> None:
    fake.reply(PATH, status, b"", Location=fake.url + "/v1/elsewhere")
    with pytest.raises(MintUnclear):
        await post(http)
    assert fake.paths() == [PATH]


async def test_a_giant_answer_is_cut_off(fake: FakeMint, http: MintHttp) -> None:
    hung_up = asyncio.Event()

    class Endless(web.StreamResponse):
        async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
            await super().prepare(request)
            try:
                while True:
                    await self.write(b" " * 65_536)
            finally:
                hung_up.set()

    fake.twist[PATH] = lambda _: Endless()
    with pytest.raises(MintUnclear, match="longer"):
        await post(http)
    await asyncio.wait_for(hung_up.wait(), 5)


async def test_an_answer_may_be_as_long_as_the_limit(fake: FakeMint, http: MintHttp) -> None:
    body = b'{"signatures":[]}'
    fake.reply(PATH, 200, body + b" " * (MAX_ANSWER_BYTES - len(body)))
    assert (await post(http)).signatures == []
    fake.reply(PATH, 200, body + b" " * (MAX_ANSWER_BYTES + 1 - len(body)))
    with pytest.raises(MintUnclear, match="longer"):
        await post(http)


async def test_a_compressed_answer_is_refused_unread(fake: FakeMint, http: MintHttp) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    fake.twist[PATH] = lambda _: web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(MintUnclear, match="compressed"):
        await post(http)


async def test_no_answer_in_time_is_unclear(fake: FakeMint, http: MintHttp) -> None:
    async def hang(answer: Json) -> Json:
        await asyncio.sleep(10)
        return answer

    fake.twist[PATH] = hang
    with pytest.raises(MintUnclear, match="TimeoutError"):
        await post(http, timeout_s=0.05)
    assert fake.paths() == [PATH]


async def test_a_lost_connection_is_unclear_and_nothing_is_sent_twice(
    fake: FakeMint, http: MintHttp
) -> None:
    await http.get("/v1/info", dict, 5)  # the next request finds an open connection
    fake.twist[PATH] = lambda _: "drop"  # type: ignore[assignment, return-value]
    with pytest.raises(MintUnclear, match="no complete answer"):
        await post(http)
    assert fake.paths() == ["/v1/info", PATH]


async def test_an_answer_that_breaks_off_is_unclear(fake: FakeMint, http: MintHttp) -> None:
    class Broken(web.StreamResponse):
        async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
            self.content_length = 100
            writer = await super().prepare(request)
            await self.write(b'{"signatures"')
            assert request.transport
            request.transport.close()
            return writer

    fake.twist[PATH] = lambda _: Broken()
    with pytest.raises(MintUnclear, match="no complete answer"):
        await post(http)


async def test_a_refused_connection_means_that_nothing_was_sent(
    session: aiohttp.ClientSession, gate: MintGate
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(MintDown, match="no connection"):
            await post(MintHttp(url, session, gate))


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(gate: MintGate) -> None:
    connector = aiohttp.TCPConnector(resolver=Resolver(0))
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(MintDown):
            await post(MintHttp("http://mint.invalid", session, gate))


async def test_a_connection_that_does_not_come_about_in_time_was_not_used(gate: MintGate) -> None:
    connector = aiohttp.TCPConnector(resolver=Resolver(10))
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(MintDown, match="ConnectionTimeoutError"):
            await post(MintHttp("http://mint.invalid", session, gate), timeout_s=0.05)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("", 10), ("Wed, 21 Oct", 10), ("²", 10)]
)
async def test_too_many_requests_opens_a_cool_down(
    fake: FakeMint, http: MintHttp, clock: ManualClock, header: str, seconds: int
) -> None:
    fake.reply(PATH, 429, {"detail": "Rate limit exceeded."}, **{"Retry-After": header})
    for _ in range(3):
        with pytest.raises(MintBusy) as caught:
            await post(http)
        assert caught.value.retry_after_s == seconds
    assert len(fake.requests) == 1  # the others failed fast
    clock.advance(seconds=seconds)
    fake.reply(PATH, 200, {"signatures": []})
    await post(http)


@pytest.mark.parametrize("status", [500, 503])
async def test_an_outage_fails_fast_after_a_while(
    fake: FakeMint, http: MintHttp, clock: ManualClock, status: int
) -> None:
    fake.reply(PATH, status, b"oops")
    for _ in range(3):
        with pytest.raises(MintUnclear):
            await post(http)
    with pytest.raises(MintBusy):
        await post(http)
    assert len(fake.requests) == 3
    clock.advance(seconds=1)
    fake.reply(PATH, 400, {"detail": "refused", "code": 11001})  # an answer all the same
    with pytest.raises(MintRefusal):
        await post(http)
    fake.reply(PATH, status, b"oops")
    with pytest.raises(MintUnclear):
        await post(http)
    with pytest.raises(MintUnclear):
        await post(http)


async def test_a_cancelled_call_frees_its_place(
    fake: FakeMint, session: aiohttp.ClientSession, clock: ManualClock
) -> None:
    arrived = asyncio.Event()

    async def hang(answer: Json) -> Json:
        arrived.set()
        await asyncio.sleep(10)
        return answer

    http = MintHttp(fake.url, session, MintGate(clock, parallel=1))
    fake.twist[PATH] = hang
    task = asyncio.create_task(post(http))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fake.reply(PATH, 200, {"signatures": []})
    await post(http)


async def test_errors_do_not_show_the_path(session: aiohttp.ClientSession, gate: MintGate) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        http = MintHttp(f"http://127.0.0.1:{closed.getsockname()[1]}", session, gate)
        with pytest.raises(MintDown) as caught:
            await http.get("/v1/mint/quote/bolt11/quote-id-is-secret", dict, 5)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "quoted"), [("0-a_B.~", "0-a_B.~"), ("a/../b?c#d%", "a%2F..%2Fb%3Fc%23d%25")]
)
def test_ids_are_quoted_in_paths(text: str, quoted: str) -> None:
    assert path_part(text) == quoted


@pytest.mark.parametrize(
    ("status", "result"), [(200, "answered"), (400, "refused"), (429, "busy"), (500, "unclear")]
)
async def test_whoever_counts_is_told_of_every_call(
    fake: FakeMint, session: aiohttp.ClientSession, gate: MintGate, status: int, result: str
) -> None:
    told: list[tuple[str, str]] = []

    def called(operation: str, result: str, seconds: float, /) -> None:
        assert seconds >= 0
        told.append((operation, result))

    http = MintHttp(fake.url, session, gate, called=called)
    path = "/v1/mint/quote/bolt11/a-secret-id"
    fake.reply(path, status, {"signatures": [], "code": 11001, "detail": "x"})
    with suppress(MintBusy, MintRefusal, MintUnclear):
        await http.get(path, Answer, 5)
    assert told == [("mint_quote", result)]


async def test_a_mint_that_is_away_is_counted(
    session: aiohttp.ClientSession, gate: MintGate
) -> None:
    told: list[tuple[str, str]] = []
    http = MintHttp("http://127.0.0.1:9", session, gate, called=lambda *call: told.append(call[:2]))
    with pytest.raises(MintDown):
        await post(http)
    assert told == [("swap", "down")]
