import pytest

from tests.unit.core.asgi import Answer, ask
from tests.unit.theme.pages import API, get, text


async def sent(body: bytes) -> Answer:
    return await ask(API, "POST", "/form", chunks=[body])


async def test_what_goes_wrong_is_a_page_with_the_same_status() -> None:
    answer = await get("/missing")
    assert answer.status == 404
    assert (answer.header("content-type") or "").startswith("text/html")
    assert "There is no model &lt;x&gt;." in text(answer)
    assert "not_found" in text(answer)
    assert "<html" in text(answer)


async def test_a_part_of_a_page_is_told_as_a_part() -> None:
    answer = await get("/missing", hx_request="true")
    assert answer.status == 404
    assert "<html" not in text(answer)
    assert 'role="alert"' in text(answer)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"a=1&b=%C3%A4+%26&a=2", "{'a': '2', 'b': 'ä &'}"),
        (b"a=", "{'a': ''}"),
        (b"", "{}"),
    ],
)
async def test_a_form_has_its_fields(body: bytes, told: str) -> None:
    assert text(await sent(body)) == told


@pytest.mark.parametrize("body", [b"a=\xff\xfe", b"&".join([b"a=1"] * 201)])
async def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    assert (await sent(body)).status == 400
