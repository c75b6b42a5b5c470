from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from routstr.catalog.snapshot import Goods, Rates
from routstr.errors import NotPriced
from routstr.payment.media import BYTES_PER_SECOND_LEAST, HEARD_TOKENS_MOST
from routstr.payment.usage import Media, Usage
from routstr.proxy.custom import entry_of
from routstr.proxy.dialects.given import GivenForm
from routstr.proxy.dialects.hearing import HEARING, HearingAsked
from routstr.proxy.fields import Fields
from routstr.proxy.forms import Form
from routstr.proxy.multipart import Field, File
from routstr.proxy.spool import Spool

ENTRY = entry_of("m", Rates(), "p")
SECONDS = 100


@pytest_asyncio.fixture
async def asked() -> AsyncIterator[HearingAsked]:
    yield await read()


async def read(**fields: str) -> HearingAsked:
    size = SECONDS * BYTES_PER_SECOND_LEAST
    with Spool() as spool:
        await spool.write(b"s" * size)
        parts: list[Field | File] = [Field(name, value.encode()) for name, value in fields.items()]
        form = Form([*parts, File("file", b"a", b"audio/mpeg", 0, size)], spool, b"")
        found = await HEARING[0].read("m", GivenForm(form))
    assert isinstance(found, HearingAsked)
    return found


def fields(**answer: Any) -> Fields:
    return msgspec.json.decode(msgspec.json.encode(answer), type=Fields)


async def test_the_hold_is_for_the_longest_that_the_file_can_sound(asked: HearingAsked) -> None:
    charge = asked.at(replace(ENTRY, goods=Goods.HEARING | Goods.AUDIO_TOKENS))
    by_second, by_token = charge.worst
    assert by_second == Usage(0, 0, media=Media(seconds=SECONDS))
    assert by_token.media == Media(audio_input=SECONDS * HEARD_TOKENS_MOST)


@pytest.mark.parametrize(
    ("answer", "seconds", "reported"),
    [
        ({"text": "Hi", "usage": {"type": "duration", "seconds": 8.2}}, 9, True),
        ({"text": "Hi", "duration": "8.2", "language": "english"}, 9, True),
        ({"text": "Hi", "usage": {"input_tokens": 95, "output_tokens": 3}}, 10, False),
        ({"text": "x" * 300}, 20, False),
        ({"text": ""}, 4, False),
    ],
)
async def test_seconds_are_billed_as_told_or_estimated(
    asked: HearingAsked, answer: dict[str, Any], seconds: int, *, reported: bool
) -> None:
    charge = asked.at(replace(ENTRY, goods=Goods.HEARING))
    usage = charge.of_answer(fields(**answer))
    assert usage == Usage(0, 0, media=Media(seconds=seconds), reported=reported)


async def test_tokens_are_billed_as_told_or_estimated(asked: HearingAsked) -> None:
    charge = asked.at(replace(ENTRY, goods=Goods.AUDIO_TOKENS))
    told = {"input_tokens": 95, "output_tokens": 3}
    assert charge.of_answer(fields(text="Hi", usage=told)) == Usage(
        95, 3, media=Media(audio_input=95)
    )
    guessed = charge.of_answer(fields(text="x" * 300))
    assert guessed == Usage(200, 75, reported=False, media=Media(audio_input=200))


async def test_what_says_nothing_is_no_answer(asked: HearingAsked) -> None:
    charge = asked.at(replace(ENTRY, goods=Goods.HEARING))
    assert charge.of_answer(fields(error={"message": "No."})) is None
    assert charge.of_answer(fields()) is None


async def test_text_is_asked_for_as_json_and_shown_as_text() -> None:
    asked = await read(response_format="text")
    charge = asked.at(replace(ENTRY, goods=Goods.HEARING))
    assert charge.changes == {"response_format": "json"}
    assert asked.shown(fields(text="Grüße")) == ("text/plain; charset=utf-8", "Grüße\n".encode())
    other = await read(response_format="srt")
    assert other.at(replace(ENTRY, goods=Goods.HEARING)).changes == {}
    assert other.shown(fields(text="x")) is None


async def test_without_a_price_nothing_is_heard(asked: HearingAsked) -> None:
    with pytest.raises(NotPriced, match="input_cost_per_second"):
        asked.at(replace(ENTRY, goods=Goods.TEXT))
