from routstr.core.secret import Secret
from routstr.discovery.events import Draft
from routstr.discovery.identity import Identity
from routstr.discovery.relays import RelayState
from routstr.discovery.report import RelayReport, Report, Stand, last_report
from routstr.discovery.store import REPORT, Kept


def test_a_report_is_read_as_it_was_kept_and_what_is_none_is_left_out() -> None:
    event = Identity(Secret("11" * 32)).sign(Draft(38_421, (("d", "x"),)), 1)
    relays = (RelayReport(RelayState("wss://a", 1, 2, "no", 3, 4), holds=True),)
    report = Report(Stand.ANNOUNCED, "npub1", "x", event, relays, 5)
    assert last_report({REPORT: Kept(report.encode(), 1)}) == report
    assert last_report({REPORT: Kept(b'{"stand": "odd"}', 1)}) is None
    assert last_report({}) is None
