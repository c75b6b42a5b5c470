"""What has failed is left alone for a while, and told once."""

import logging

import pytest

from routstr.core.clock import ManualClock
from routstr.core.fuse import REST_SECONDS, Fuse


def test_it_rests_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    fuse = Fuse("something", clock)
    blown = [fuse.blown]
    with caplog.at_level(logging.ERROR):
        fuse.blow(ConnectionError("redis://:secret@host"))
        fuse.blow(TimeoutError())
    blown += [fuse.blown]
    assert caplog.text.count("something_away") == 1
    assert "secret" not in caplog.text
    clock.advance(seconds=REST_SECONDS)
    assert [*blown, fuse.blown] == [False, True, False]
