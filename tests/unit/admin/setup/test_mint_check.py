from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from routstr.admin.setup.mint_check import MintCheck, MintUnfit
from routstr.core.clock import ManualClock
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.wallet.mint_types import Bounds
from tests.unit.wallet.fake_mint import FakeMint

BOLT11 = {"method": "bolt11", "unit": "sat", "min_amount": 1, "max_amount": 500}
INFO = {
    "name": "a mint\r\n",
    "version": "x/1",
    "description": "d" * 1_000,
    "nuts": {
        "4": {"methods": [BOLT11], "disabled": False},
        "5": {"methods": [BOLT11], "disabled": False},
        "7": {"supported": True},
        "9": {"supported": True},
    },
}
KEYSETS = {
    "keysets": [
        {"id": "00" + "1" * 14, "unit": "sat", "active": True, "input_fee_ppk": 100},
        {"id": "00" + "2" * 14, "unit": "sat", "active": False, "input_fee_ppk": 900},
        {"id": "00" + "3" * 14, "unit": "usd", "active": True},
    ]
}


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with outgoing_session(Settings(), allow_loopback=True) as opened:
        yield opened


@pytest.fixture
async def fake() -> AsyncIterator[FakeMint]:
    async with FakeMint() as playing:
        yield playing


def check(session: ClientSession, *, allow_insecure: bool = True) -> MintCheck:
    return MintCheck(session, ManualClock(), allow_insecure=allow_insecure)


async def test_a_mint_tells_what_it_can(fake: FakeMint, session: ClientSession) -> None:
    fake.reply("/v1/info", 200, INFO)
    fake.reply("/v1/keysets", 200, KEYSETS)
    report = await check(session).look(f" {fake.url}/ ")
    assert (report.url, report.name.strip(), report.version) == (fake.url, "a mint", "x/1")
    assert len(report.description) <= 300
    (unit,) = report.units
    assert (unit.unit, unit.fee_ppk, unit.lightning_out) == ("sat", 100, True)
    assert unit.lightning_in == Bounds(1, 500)
    assert (report.missing, report.usable) == (("proof",), False)


async def test_what_is_no_mint_is_told(fake: FakeMint, session: ClientSession) -> None:
    fake.reply("/v1/info", 200, {"name": 5})
    fake.reply("/v1/keysets", 200, [])
    with pytest.raises(MintUnfit) as told:
        await check(session).look(fake.url)
    assert told.value.reason == "odd"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://10.0.0.1", "address"),
        ("http://mint.example.com", "address"),
        ("", "address"),
        ("ftp://x", "address"),
        ("http://127.0.0.1:1", "away"),
    ],
)
async def test_an_address_that_does_not_answer_or_may_not_be_asked(
    url: str, reason: str, session: ClientSession
) -> None:
    with pytest.raises(MintUnfit) as told:
        await check(session).look(url)
    assert told.value.reason == reason


async def test_this_machine_is_not_asked_unless_that_is_allowed(
    fake: FakeMint, session: ClientSession
) -> None:
    with pytest.raises(MintUnfit) as told:
        await check(session, allow_insecure=False).look(fake.url)
    assert told.value.reason == "address"
