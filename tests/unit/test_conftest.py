"""The guards that stand before every test, shown at work in one test run of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis.configuration import storage_directory

CPU_LIMIT_S: Final = 5.0
CONFTEST: Final = Path(__file__).parents[1] / "conftest.py"

UNIT: Final = """
import socket
import time
from hypothesis import given, settings, strategies

def hidden(call) -> None:
    try:
        call()
    except OSError:
        pass

def use(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

def test_tcp_outside() -> None:
    hidden(lambda: socket.create_connection(("192.0.2.1", 9), timeout=1))

def test_udp_outside() -> None:
    hidden(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9)))

def test_look_up_outside() -> None:
    hidden(lambda: socket.getaddrinfo("mint.example", 443))

def test_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()

def test_busy() -> None:
    use(0.4)

def test_waiting() -> None:
    time.sleep(0.4)

@settings(max_examples=100)
@given(strategies.just(0))
def test_property(_: int) -> None:
    use(0.4)
"""
INTEGRATION: Final = UNIT.partition("def test_")[0] + "def test_slow() -> None:\n    use(0.4)\n"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of each of the tests above: nothing, or why it failed."""
    place = tmp_path_factory.mktemp("suite")
    limit, guards = f"CPU_LIMIT_S: Final = {CPU_LIMIT_S}", CONFTEST.read_text()
    assert limit in guards
    # seconds are long where tests of tests have to use them up
    (place / "conftest.py").write_text(guards.replace(limit, "CPU_LIMIT_S: Final = 0.3"))
    for folder, text in (("unit", UNIT), ("integration", INTEGRATION)):
        (place / folder).mkdir()
        (place / folder / f"test_{folder}.py").write_text(text)
    options = ("-p", "no:cacheprovider", "-p", "no:asyncio", "--junit-xml=report.xml", "-q")
    kept = str(storage_directory().path)  # its table of Unicode takes seconds to make
    surroundings = {"PATH": os.defpath, "HYPOTHESIS_STORAGE_DIRECTORY": kept}
    command = [sys.executable, "-m", "pytest", *options]
    subprocess.run(command, cwd=place, env=surroundings, check=False, timeout=120)
    cases = ET.parse(place / "report.xml").getroot().iter("testcase")
    return {
        str(case.get("name")): " ".join(bad.get("message", "") for bad in case) for case in cases
    }


@pytest.mark.parametrize("name", ["test_tcp_outside", "test_udp_outside", "test_look_up_outside"])
def test_a_call_to_another_machine_fails_a_test_even_if_it_hides_it(
    outcomes: dict[str, str], name: str
) -> None:
    assert "talks to another machine" in outcomes[name]


def test_a_unit_test_that_takes_more_than_its_share_of_cpu_fails(outcomes: dict[str, str]) -> None:
    assert "took 0." in outcomes["test_busy"]


@pytest.mark.parametrize(
    "name", ["test_this_machine", "test_waiting", "test_property", "test_slow"]
)
def test_everything_else_may_be_done(outcomes: dict[str, str], name: str) -> None:
    # 100 examples of a property may take twice as much, an integration test what it needs
    assert outcomes[name] == ""
