import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.clock import ManualClock
from routstr.payment.price import FeedPolicy, PriceFeed, Verdict
from routstr.payment.price_sources import (
    BYTES_MAX,
    SOURCES,
    HttpFetch,
    PriceSource,
    SourceFailed,
    ask,
    parse_price,
)

ANSWERS = {
    "kraken": b'{"error":[],"result":{"XXBTZUSD":{"a":["1","1","1"],"c":["67123.40000","0.1"]}}}',
    "coinbase": b'{"data":{"amount":"67123.455","base":"BTC","currency":"USD"}}',
    "binance": b'{"symbol":"BTCUSDT","price":"67123.45000000"}',
    "bitstamp": b'{"timestamp":"1","open":"1","last":"67123","volume":"1"}',
    "mempool": b'{"time":1703252411,"USD":67123,"EUR":60000}',
}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_price_is_found_in_the_answer_of_each_source(source: PriceSource) -> None:
    assert 67123 <= parse_price(ANSWERS[source.name], source.path) < 67124


def test_sources_are_asked_over_tls_and_differ() -> None:
    assert {urlsplit(source.url).scheme for source in SOURCES} == {"https"}
    assert len({source.name for source in SOURCES}) == len(SOURCES) >= 4
    assert len({urlsplit(source.url).hostname for source in SOURCES}) == len(SOURCES)


@pytest.mark.parametrize(
    ("written", "price"),
    [
        (b'"50000.123456789012"', "50000.123456789012"),
        (b"50000.1", "50000.1"),
        (b"0.5e5", "50000"),
        (b"50000", "50000"),
    ],
)
def test_digits_are_read_as_written(written: bytes, price: str) -> None:
    assert parse_price(b'{"p":%s}' % written, ("p",)) == Decimal(price)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"p":null}',
        b'{"p":true}',
        b'{"p":[1]}',
        b'{"p":{}}',
        b'{"p":""}',
        b'{"p":"x"}',
        b'{"p":"NaN"}',
        b'{"p":"sNaN"}',
        b'{"p":"Infinity"}',
        b'{"p":NaN}',
        b'{"p":-50000}',
        b'{"p":0}',
        b'{"p":0.5}',
        b'{"p":1e13}',
        b'{"p":1e999999999999}',
        b'{"p":"1e999999999999999999999"}',
        b'{"p":50000.%s}' % (b"1" * 60),
        b'{"p":%s}' % (b"9" * 5000),
        b'{"p":%s' % (b"[" * 10_000),
    ],
)
def test_garbage_is_the_failure_of_its_source(body: bytes) -> None:
    with pytest.raises(SourceFailed):
        parse_price(body, ("p",))


@given(st.binary(max_size=100), st.sampled_from([source.path for source in SOURCES]))
def test_any_bytes_give_a_price_or_a_failure(body: bytes, path: tuple[str | int, ...]) -> None:
    try:
        price = parse_price(body, path)
    except SourceFailed:
        return
    assert price > 0


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def good(request: web.Request) -> web.StreamResponse:
    return web.json_response({"price": "50000.5"})


async def failing(request: web.Request) -> web.StreamResponse:
    return web.json_response({"price": "1"}, status=500)


async def redirecting(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/good")


async def html(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Please solve this puzzle</html>")


async def huge(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"price": "50000"}' + b" " * BYTES_MAX)


async def bomb(request: web.Request) -> web.StreamResponse:
    body = gzip.compress(b'{"price": "50000"}' + b" " * 10_000_000)
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def dripping(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.02)


async def breaking(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b'{"price"')
    assert request.transport is not None
    request.transport.close()
    return answer


async def lying(request: web.Request) -> web.StreamResponse:
    return web.json_response({"price": "1000000000"})


BAD: dict[str, tuple[Handler, str]] = {
    "failing": (failing, "HTTP status 500"),
    "redirecting": (redirecting, "HTTP status 302"),
    "html": (html, "not valid JSON"),
    "huge": (huge, "larger than"),
    "bomb": (bomb, "larger than"),
    "silent": (silent, "no answer within"),
    "dripping": (dripping, "no answer within"),
    "breaking": (breaking, "Error"),
}


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """An exchange that answers well under some paths and badly under others."""
    app = web.Application()
    handlers: dict[str, Handler] = {"good": good, "fine": good, "lying": lying}
    handlers |= {name: handler for name, (handler, _) in BAD.items()}
    for name, handler in handlers.items():
        app.router.add_get(f"/{name}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def fetch() -> AsyncIterator[HttpFetch]:
    async with aiohttp.ClientSession() as session:
        yield HttpFetch(session)


def source(address: str, name: str) -> PriceSource:
    return PriceSource(name, f"{address}/{name}", ("price",))


async def test_a_good_source_answers(address: str, fetch: HttpFetch) -> None:
    assert await ask(source(address, "good"), fetch, 5) == Decimal("50000.5")


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_source_fails_in_time_and_says_why(
    address: str, fetch: HttpFetch, name: str
) -> None:
    reason = BAD[name][1]
    patience_s = 0.2 if "no answer" in reason else 10  # a busy machine is no silent source
    async with asyncio.timeout(20):
        with pytest.raises(SourceFailed, match=reason):
            await ask(source(address, name), fetch, patience_s)


async def test_a_source_that_is_away_fails(fetch: HttpFetch, unused_tcp_port: int) -> None:
    away = PriceSource("away", f"http://127.0.0.1:{unused_tcp_port}/", ("price",))
    with pytest.raises(SourceFailed, match="ClientConnectorError"):
        await ask(away, fetch, 5)
    with pytest.raises(SourceFailed):
        await ask(PriceSource("odd", "no-url", ("price",)), fetch, 5)


async def test_no_garbage_of_one_source_aborts_a_round(address: str, fetch: HttpFetch) -> None:
    names = ["good", "fine", "lying", *BAD]
    sources = [source(address, name) for name in names]
    feed = PriceFeed(fetch, ManualClock(), FeedPolicy(timeout_s=2), sources)
    told = await feed.refresh()
    assert told.verdict is Verdict.ACCEPTED
    assert feed.current() == Decimal("50000.5")
    assert set(told.quotes) == {"good", "fine", "lying"}
    assert set(told.failures) == set(BAD)


async def test_one_honest_source_and_one_liar_are_no_price(address: str, fetch: HttpFetch) -> None:
    sources = [source(address, name) for name in ("good", "lying")]
    feed = PriceFeed(fetch, ManualClock(), FeedPolicy(), sources)
    assert (await feed.refresh()).verdict is Verdict.DISAGREED
