import inspect
import re
from collections.abc import Iterator

import pytest

import routstr.errors as tree
from routstr.errors import RoutstrError


def classes(root: type[RoutstrError] = RoutstrError) -> Iterator[type[RoutstrError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith("routstr.errors"):
            yield from classes(child)


ALL = sorted(classes(), key=lambda one: one.__name__)


def make(one: type[RoutstrError]) -> RoutstrError:
    wants_status = "upstream_status" in inspect.signature(one).parameters
    return one(upstream_status=503) if wants_status else one()  # type: ignore[call-arg]


@pytest.mark.parametrize("one", ALL)
def test_an_error_says_by_itself_what_happened(one: type[RoutstrError]) -> None:
    error = make(one)
    assert error.message == str(error)
    assert error.message.endswith(".") or ":" in error.message
    assert "\n" not in error.message
    assert 400 <= error.http_status <= 599


@pytest.mark.parametrize("one", ALL)
def test_an_error_is_exported_and_stands_in_the_tree(one: type[RoutstrError]) -> None:
    assert one.__name__ in tree.__all__
    line = rf"{one.__name__} +(\d+|as upstream) (…|{one.type}) {one.code}$"
    assert re.search(line, tree.__doc__ or "", re.MULTILINE), f"{one.__name__} is not in the tree"


def test_a_reason_has_one_code() -> None:
    codes = [one.code for one in ALL]
    assert len(set(codes)) == len(codes)


def test_a_message_details_and_headers_can_be_given() -> None:
    error = RoutstrError("Told.", details={"a": 1}, headers={"Retry-After": "2"})
    assert (error.message, error.details, error.headers) == (
        "Told.",
        {"a": 1},
        {"Retry-After": "2"},
    )
