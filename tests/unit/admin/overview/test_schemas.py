from routstr.admin.overview.schemas import (
    AlertAnswer,
    ErrorDetail,
    MaintenanceAnswer,
    earned,
    model_revenue,
    summary,
)
from routstr.admin.overview.statistics import Failure, Period, Requests
from routstr.ledger.usage import Figures, Group
from routstr.payment.alert_store import Alert

FIGURES = Figures(2, 10, 5, 1_900, 50, 99, 1_000)


def test_amounts_are_told_in_msat_and_rounded_down_to_sat() -> None:
    told = earned(FIGURES)
    assert (told["revenue_msats"], told["revenue_sats"], told["margin_msats"]) == (1_999, 1, 999)
    assert (told["lost_msats"], told["total_tokens"]) == (50, 15)
    assert model_revenue(Group(model="m"), FIGURES).requests == 2


def test_without_requests_nothing_has_failed() -> None:
    none = Requests(0, 0, None, None, None, None)
    told = summary(Period(1_000, 2_000, Figures(), none, whole=True), 0)
    assert (told.success_rate, told.since, told.until, told.p50_ms) == (100.0, 1, 2, None)


def test_times_are_told_in_seconds() -> None:
    alert = Alert("a", "s", {"x": 1}, 5_999, None, None)
    assert AlertAnswer.of(alert).model_dump() == {
        "name": "a", "subject": "s", "since": 5, "facts": {"x": 1}
    }  # fmt: skip
    assert MaintenanceAnswer.of(None).model_dump() == {"enabled": False, "since": None}
    assert MaintenanceAnswer.of(7_500).since == 7
    assert ErrorDetail.of(Failure("/v1/x", 402, "c", 3)).count == 3
