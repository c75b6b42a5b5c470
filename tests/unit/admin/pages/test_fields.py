import pytest

from routstr.admin.pages.fields import Turning, day_end, day_start, last_day, plain_sat, sat
from routstr.errors import InvalidParameter


@pytest.mark.parametrize(
    ("text", "msat"),
    [
        ("1", 1_000),
        ("0.5", 500),
        ("0,001", 1),
        ("12,5", 12_500),
        ("1000,001", 1_000_001),
        ("1 000", 1_000_000),
        ("", None),
    ],
)
def test_amounts_are_in_sat(text: str, msat: int | None) -> None:
    assert sat({"a": text}, "a") == msat


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.0001", "1,000", "12,404", "1,000,000", "x", "1e3", "٣"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        sat({"a": text}, "a")


def test_a_field_shows_what_it_was_given() -> None:
    assert [plain_sat(one) for one in (1_000, 1_500, 1, 10_000_000)] == [
        "1", "1.5", "0.001", "10000",
    ]  # fmt: skip
    end = day_end({"d": "2026-02-28"}, "d")
    assert end == day_start({"d": "2026-03-01"}, "d")
    assert (last_day(end), last_day(None)) == ("2026-02-28", "")
    assert day_end({}, "d") is None
    with pytest.raises(InvalidParameter):
        day_start({"d": "28.2.2026"}, "d")


def test_pages_lead_back_the_way_they_came() -> None:
    first = Turning("/x", {"kind": "deposit", "junk": "1"}, ("kind",))
    assert (first.newer, first.older(None)) == ("", "")
    assert first.older(90) == "/x?kind=deposit&before=90"
    second = Turning("/x", {"kind": "deposit", "before": "90"}, ("kind",))
    assert second.newer == "/x?kind=deposit"
    assert second.older(40) == "/x?kind=deposit&before=40&trail=90"
    third = Turning("/x", {"before": "40", "trail": "90.zz."}, ())
    assert (third.newer, third.filters) == ("/x?before=90", "")
    assert Turning("/x", {"before": "-1"}, ()).before is None
