import pytest
from msgspec.structs import replace

from routstr.errors import InvalidParameter, MaxCostExceeded
from routstr.money import MAX_MSAT, ZERO, Msat
from routstr.payment.price_wishes import NO_WISHES, Wishes, read_wishes
from routstr.payment.pricing import Quote, RequestLimits

QUOTE = Quote(Msat(100), Msat(900), Msat(100), 250, 50, 3)
OPEN = RequestLimits()
NAMED = RequestLimits(250, 1, 250)


def test_without_headers_nothing_is_wished() -> None:
    assert read_wishes(None, None) is NO_WISHES
    assert NO_WISHES.ceiled(QUOTE, NAMED) is QUOTE


@pytest.mark.parametrize(
    ("max_cost", "fit", "wishes"),
    [
        ("0", None, Wishes(ZERO)),
        ("2500", "1", Wishes(Msat(2500), fit=True)),
        (None, "1", Wishes(fit=True)),
        (None, "0", Wishes()),
        ("9" * 20, "0", Wishes(Msat(MAX_MSAT))),
    ],
)
def test_headers_are_read(max_cost: str | None, fit: str | None, wishes: Wishes) -> None:
    assert read_wishes(max_cost, fit) == wishes


@pytest.mark.parametrize("wrong", ["", "-1", "1.5", "1e3", "+5", "٣", "1_0", "9" * 21, "ten"])
def test_a_ceiling_is_a_whole_number(wrong: str) -> None:
    with pytest.raises(InvalidParameter, match="X-Max-Cost-Msat must be") as refused:
        read_wishes(wrong, None)
    assert refused.value.details == {"param": "X-Max-Cost-Msat"}


@pytest.mark.parametrize("wrong", ["", "yes", "2", "true"])
def test_fitting_is_on_or_off(wrong: str) -> None:
    with pytest.raises(InvalidParameter, match="X-Routstr-Fit-Balance must be"):
        read_wishes(None, wrong)


@pytest.mark.parametrize("limits", [OPEN, NAMED])
def test_a_ceiling_above_the_worst_case_changes_nothing(limits: RequestLimits) -> None:
    assert Wishes(Msat(900)).ceiled(QUOTE, limits) is QUOTE


@pytest.mark.parametrize(
    ("wishes", "limits"), [(Wishes(Msat(100)), OPEN), (Wishes(Msat(100), fit=True), NAMED)]
)
def test_what_has_no_limit_of_its_own_or_may_lose_it_is_held_at_the_ceiling(
    wishes: Wishes, limits: RequestLimits
) -> None:
    assert wishes.ceiled(QUOTE, limits) == replace(QUOTE, want=Msat(100))


@pytest.mark.parametrize(
    ("wishes", "limits", "required"),
    [
        (Wishes(Msat(899)), NAMED, 900),
        (Wishes(Msat(99)), OPEN, 100),
        (Wishes(Msat(99), fit=True), NAMED, 100),
        (Wishes(ZERO), OPEN, 100),
    ],
)
def test_what_the_ceiling_does_not_pay_is_refused(
    wishes: Wishes, limits: RequestLimits, required: int
) -> None:
    with pytest.raises(MaxCostExceeded) as refused:
        wishes.ceiled(QUOTE, limits)
    assert wishes.max_cost is not None
    assert refused.value.details == {
        "required": required,
        "max_cost": int(wishes.max_cost),
        "unit": "msat",
    }
