from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from routstr.catalog.snapshot import Goods, ModelEntry, Rates
from routstr.errors import InvalidParameter, NotPriced
from routstr.payment.usage import Media, Usage
from routstr.proxy.custom import entry_of
from routstr.proxy.dialects.given import GivenJson
from routstr.proxy.dialects.pictures import PICTURES, PicturesAsked
from routstr.proxy.fields import Fields

GENERATE = PICTURES[0]
TABLE = {"low/1024x1024": 1, "1024x1024": 2, "1024x1792": 3, "hd/1024x1024": 4, "hd": 5}


def entry(goods: Goods, images: Mapping[str, int] = TABLE, **rates: int) -> ModelEntry:
    return replace(entry_of("m", Rates(**rates), "p"), goods=goods, images=images)


async def asked(**body: object) -> PicturesAsked:
    found = await GENERATE.read("m", GivenJson({"prompt": "A cat", **body}))
    assert isinstance(found, PicturesAsked)
    return found


@pytest.mark.parametrize(
    ("body", "rate", "changes"),
    [
        ({}, 1, {"quality": "low", "size": "1024x1024"}),
        ({"size": "1024x1792"}, 3, {}),
        ({"quality": "hd"}, 4, {"size": "1024x1024"}),
        ({"quality": "hd", "size": "9x9"}, 5, {}),
        ({"quality": "HD", "size": "1024x1792"}, 3, {}),
        ({"quality": "standard", "size": "auto"}, 2, {"size": "1024x1024"}),
    ],
)
async def test_what_is_left_open_is_filled_in_and_priced(
    body: dict[str, object], rate: int, changes: dict[str, str]
) -> None:
    charge = (await asked(**body)).at(entry(Goods.IMAGES))
    assert (charge.rates.image_made, charge.changes) == (rate, changes)


async def test_a_price_for_all_fits_all_and_fixed_prices_need_none() -> None:
    one = await asked(quality="hd", size="9x9")
    assert one.at(entry(Goods.IMAGES, {"": 7})).rates.image_made == 7
    fixed = one.at(entry(~Goods(0), {}, request=5))
    assert (fixed.rates.image_made, fixed.rates.request) == (0, 5)


async def test_without_a_price_there_is_no_charge() -> None:
    with pytest.raises(NotPriced, match="9x9"):
        (await asked(size="9x9")).at(entry(Goods.IMAGES, {"1024x1024": 1}))
    with pytest.raises(NotPriced):
        (await asked()).at(entry(Goods.TEXT))


async def test_tokens_decide_where_they_are_priced_and_reported() -> None:
    charge = (await asked(n=2)).at(entry(Goods.IMAGES | Goods.IMAGE_TOKENS))
    told = {"input_tokens": 5, "input_tokens_details": {"image_tokens": 3}, "output_tokens": 7}
    assert charge.of_stream(told, 1) == Usage(5, 7, media=Media(image_input=3, image_output=7))
    assert charge.of_stream(None, 1) == Usage(0, 0, media=Media(images_made=1))
    assert len(charge.worst) == 2


@pytest.mark.parametrize(
    ("answer", "made"),
    [({"data": []}, 0), ({"data": [{}, {}, {}]}, 3), ({"data": "none"}, None), ({}, None)],
)
async def test_pictures_are_counted_in_the_answer(
    answer: dict[str, object], made: int | None
) -> None:
    charge = (await asked()).at(entry(Goods.IMAGES))
    fields = msgspec.json.decode(msgspec.json.encode(answer), type=Fields)
    usage = charge.of_answer(fields)
    assert usage == (None if made is None else Usage(0, 0, media=Media(images_made=made)))


@pytest.mark.parametrize(
    "body",
    [{"prompt": ""}, {"n": 0}, {"n": 11}, {"n": "2"}, {"size": 5}, {"stream": True, "n": 2}],
)
async def test_what_cannot_be_drawn_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter):
        await asked(**body)


async def test_other_endpoints_need_pictures() -> None:
    for dialect in PICTURES[1:]:
        assert dialect.form
        with pytest.raises(InvalidParameter):
            await dialect.read("m", GivenJson({"prompt": "A cat"}))
