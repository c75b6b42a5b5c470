from typing import Any

import pytest

from routstr.errors import InvalidParameter
from routstr.proxy.dialects.given import Given, GivenForm, GivenJson
from routstr.proxy.forms import Form
from routstr.proxy.multipart import Field, File
from routstr.proxy.spool import Spool


def form(**fields: str) -> GivenForm:
    parts: list[Field | File] = [Field(name, value.encode()) for name, value in fields.items()]
    return GivenForm(Form([*parts, File("file", b"a", b"audio/wav", 0, 3)], Spool(), b""))


@pytest.mark.parametrize(
    "given", [GivenJson({"t": "x", "n": 3, "f": True}), form(t="x", n="3", f="True")]
)
async def test_a_field_is_the_same_in_json_and_in_a_form(given: Given) -> None:
    assert (given.text("t"), given.text("none")) == ("x", None)
    assert (given.whole("n", 3), given.whole("none", 3)) == (3, None)
    assert (given.flag("f"), given.flag("none")) == (True, False)


async def test_only_a_form_has_files() -> None:
    given = form()
    (file,) = given.files("file")
    await given.form._spool.write(b"abc")
    assert await given.head(file, 2) == b"ab"
    assert list(GivenJson({"file": "x"}).files("file")) == []
    assert await GivenJson({}).head(file, 2) == b""


@pytest.mark.parametrize(
    ("given", "method", "arguments"),
    [
        (GivenJson({"t": 5}), "text", ()),
        (GivenJson({"t": "3"}), "whole", (9,)),
        (GivenJson({"t": True}), "whole", (9,)),
        (GivenJson({"t": 0}), "whole", (9,)),
        (GivenJson({"t": 10}), "whole", (9,)),
        (GivenJson({"t": "true"}), "flag", ()),
        (form(t="0"), "whole", (9,)),
        (form(t="1.5"), "whole", (9,)),
        (form(t="9" * 30), "whole", (9,)),
        (form(t="yes"), "flag", ()),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(
    given: Any, method: str, arguments: tuple[int, ...]
) -> None:
    with pytest.raises(InvalidParameter, match="'t'"):
        getattr(given, method)("t", *arguments)
