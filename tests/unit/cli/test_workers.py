import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from routstr.cli.workers import Doors, Journal, Seat, Supervisor
from routstr.core.settings import Settings

HOST = "127.0.0.1"


@pytest.fixture
def doors() -> Iterator[Doors]:
    opened = Doors(HOST, 0, 2)
    yield opened
    opened.close()


def test_each_place_listens_at_the_same_address(doors: Doors) -> None:
    names = [doors.at(place)[0].getsockname() for place in (1, 2)]
    assert names == [(HOST, doors.port)] * 2
    assert doors.at(1)[0] is not doors.at(2)[0]


def test_an_address_that_somebody_has_is_refused_even_if_he_would_share_it(doors: Doors) -> None:
    doors.at(1)[0].listen()
    with pytest.raises(OSError, match="in use"):
        Doors(HOST, doors.port, 2)


def test_a_door_that_was_closed_is_opened_again_at_the_same_address(doors: Doors) -> None:
    before = doors.at(2)
    doors.close(2)
    assert before[0].fileno() == -1
    assert doors.at(2)[0].getsockname() == (HOST, doors.port)


def test_a_worker_keeps_its_own_doors_only(doors: Doors) -> None:
    other = doors.at(2)[0]
    (own,) = doors.leave_to(1)
    assert own.getsockname()[1] == doors.port
    assert other.fileno() == -1


def supervised(doors: Doors, folder: Path, serve: object, places: int = 2) -> Supervisor:
    settings = Settings(log_dir=folder, enable_console_logging=False)
    return Supervisor(doors, serve, places, Journal(settings))  # type: ignore[arg-type]


def test_workers_that_cannot_start_end_all(doors: Doors, tmp_path: Path) -> None:
    def serve(_seat: Seat) -> bool:
        return False

    assert supervised(doors, tmp_path, serve).run() == 1
    (file,) = tmp_path.iterdir()
    assert '"event":"worker_cannot_start"' in file.read_text()


def test_a_worker_that_dies_has_a_successor_and_a_signal_ends_all(
    doors: Doors, tmp_path: Path
) -> None:
    boss = os.getpid()

    def serve(seat: Seat) -> bool:
        assert len(seat.sockets) == 1
        if seat.number == 1 and not seat.restarts:
            os.kill(os.getpid(), signal.SIGKILL)
        if seat.restarts:
            os.kill(boss, signal.SIGTERM)
        return os.read(seat.pipe, 1) == b""  # until it is told to stop

    assert supervised(doors, tmp_path, serve).run() == 0
    (file,) = tmp_path.iterdir()
    told = file.read_text()
    assert '"event":"worker_died"' in told
    assert '"worker":1,"status":-9,"restarts":1,"pause_seconds":0.0' in told
    with contextlib.suppress(OSError), socket.create_connection((HOST, doors.port), 1):
        pytest.fail("the supervisor's doors are still open")
