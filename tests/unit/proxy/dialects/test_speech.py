from dataclasses import replace

import pytest

from routstr.catalog.snapshot import Goods, Rates
from routstr.errors import InvalidParameter, NotPriced
from routstr.payment.usage import Media, Usage
from routstr.proxy.custom import entry_of
from routstr.proxy.dialects.given import GivenJson
from routstr.proxy.dialects.speech import SPEECH

ENTRY = entry_of("m", Rates(), "p")


async def test_characters_are_counted_not_bytes() -> None:
    asked = await SPEECH.read("m", GivenJson({"input": "Grüße 👋"}))
    charge = asked.at(replace(ENTRY, goods=Goods.SPEECH))
    assert charge.worst == (Usage(0, 0, media=Media(characters=7)),)
    assert charge.of_bytes(b"sound") == charge.worst[0]
    assert charge.of_answer({}) is None


async def test_tokens_are_billed_as_reported_or_estimated_below_the_worst_case() -> None:
    asked = await SPEECH.read("m", GivenJson({"input": "Hello there"}))
    charge = asked.at(replace(ENTRY, goods=Goods.SPEECH_TOKENS))
    told = {"input_tokens": 3, "output_tokens": 40}
    assert charge.of_stream(told, 0) == Usage(3, 40, media=Media(audio_output=40))
    guessed = charge.of_bytes(b"sound")
    assert guessed is not None
    assert not guessed.reported
    assert 0 < guessed.completion < charge.worst[0].completion
    assert not charge.unseen.reported


async def test_without_text_or_price_nothing_is_spoken() -> None:
    for body in ({}, {"input": ""}, {"input": ["a"]}):
        with pytest.raises(InvalidParameter):
            await SPEECH.read("m", GivenJson(body))
    asked = await SPEECH.read("m", GivenJson({"input": "Hello"}))
    with pytest.raises(NotPriced):
        asked.at(replace(ENTRY, goods=Goods.TEXT))
