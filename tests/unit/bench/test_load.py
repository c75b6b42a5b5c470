"""What load tools say, and what of it fails a run."""

import pytest

from bench.load import Call, LoadFailed, check, parse
from bench.targets import Target


def test_the_result_is_found_between_other_lines() -> None:
    assert parse('warming up\nRESULT {"rate":12.5,"errors":0}\n') == {"rate": 12.5, "errors": 0}


def test_a_tool_that_says_nothing_fails_with_its_last_words() -> None:
    with pytest.raises(LoadFailed, match="cannot connect"):
        parse("cannot connect\n")


def test_counts_of_faults_must_be_zero() -> None:
    raw = {"errors": 0.0, "bad_status": 3.0, "cut": 7.0}

    check("node", raw, "errors")
    with pytest.raises(LoadFailed, match=r"node: \{'bad_status': 3\}"):
        check("node", raw, "errors", "bad_status")


def test_what_was_paid_beside_the_faults_is_kept() -> None:
    with pytest.raises(LoadFailed, match="HTTP") as failed:
        check("node", {"errors": 1, "summed": 440}, "errors", words="HTTP/1.1 502\n")

    assert failed.value.summed == 440


def test_the_headers_of_a_target_go_with_every_call() -> None:
    call = Call(headers={"Accept": "text/event-stream", "Authorization": "of the call"})

    told = call.told_to(Target("node", 1, ()).paying("sk-1"))

    assert sorted(told) == ["Accept: text/event-stream", "Authorization: Bearer sk-1"]
