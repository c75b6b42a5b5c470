"""Alarms in the log."""

import json
import logging

import pytest

from routstr.payment.alerts import LoggedAlert


def test_alarms_and_their_ends_are_told_at_the_highest_level(
    caplog: pytest.LogCaptureFixture,
) -> None:
    LoggedAlert().raised("books_broken", check="sums", problems=("one",))
    LoggedAlert().cleared("books_broken", reason="sums")
    told = [(line.levelno, line.getMessage()) for line in caplog.records]
    assert told == [
        (logging.CRITICAL, "books_broken"),
        (logging.CRITICAL, "books_broken_cleared"),
    ]
    assert '"one"' in json.dumps(vars(caplog.records[0]), default=str)
