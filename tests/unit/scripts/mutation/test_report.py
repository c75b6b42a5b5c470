import pytest

from scripts.mutation.report import Report, Survivor, explained

RESULTS = """
    routstr.money.x_total__mutmut_1: killed
    routstr.money.xǁMsatǁ__add____mutmut_2: killed
    routstr.payment.cost.x__up__mutmut_1: killed
    routstr.payment.cost.x__up__mutmut_2: timeout
    routstr.payment.cost.x__up__mutmut_10: survived
"""
SHOWN = """\
# routstr.payment.cost.x__up__mutmut_10: survived
--- routstr/payment/cost.py
+++ routstr/payment/cost.py
@@ -1,3 +1,3 @@
 def _up(exact: int) -> int:
-    return -(-exact // PER_MSAT)
+    return -(-exact / PER_MSAT)
"""


def test_mutants_are_counted_by_file() -> None:
    report = Report.parse(RESULTS)

    assert report.files["routstr/money.py"] == {"killed": 2}
    assert report.files["routstr/payment/cost.py"] == {"killed": 1, "timeout": 1, "survived": 1}
    assert report.survivors == ("routstr.payment.cost.x__up__mutmut_10",)


def test_a_file_with_too_many_survivors_is_named() -> None:
    report = Report.parse(RESULTS)

    assert report.below(90) == ["routstr/payment/cost.py"]
    assert report.below(66) == []


@pytest.mark.parametrize(
    "status", ["survived", "no tests", "not checked", "suspicious", "segfault"]
)
def test_only_a_test_that_failed_or_never_ended_has_noticed_a_mutant(status: str) -> None:
    report = Report.parse(f"    routstr.money.x_total__mutmut_1: {status}\n")

    assert report.below(1) == ["routstr/money.py"]
    assert len(report.survivors) == 1


def test_the_table_adds_up() -> None:
    *_, last = Report.parse(RESULTS).table().splitlines()

    assert last.split() == ["all", "5", "3", "1", "1", "80.0", "%"]


def test_a_survivor_shows_the_lines_that_differ() -> None:
    survivor = Survivor("routstr.payment.cost.x__up__mutmut_10", SHOWN)

    assert survivor.change.split("\n") == [
        "-    return -(-exact // PER_MSAT)",
        "+    return -(-exact / PER_MSAT)",
    ]


def test_a_survivor_is_explained_by_its_very_change() -> None:
    survivor = Survivor("routstr.payment.cost.x__up__mutmut_10", SHOWN)

    assert explained(survivor, f"```diff\n{survivor.change}\n```\nBecause.")
    assert not explained(survivor, f"```diff\n{survivor.change.replace('exact', 'it')}\n```")
    assert not explained(Survivor("nothing", ""), "anything")
