"""For every test: nobody is called but this machine, and a unit test stays quick.

Hypothesis runs 50 examples of a property at a developer's desk, 100 fixed ones in CI, and 10,000
with ``HYPOTHESIS_PROFILE=nightly``. Mutants meet the same few each time: ``mutants``.
"""

import gc
import os
import sys
import time
from collections.abc import Generator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies

UNIT_TESTS: Final = Path(__file__).parent / "unit"
CPU_LIMIT_S: Final = 5.0
"""What a unit test may use. A property test may use as much for every 50 examples."""

_DESK_EXAMPLES: Final = 50
_outside: Final[list[str]] = []
"""Whom a test tried to reach outside of this machine; an audit hook cannot be taken off."""


def pytest_configure() -> None:
    # examples take as long as a busy machine makes them: CPU_LIMIT_S is the limit
    settings.register_profile("dev", max_examples=_DESK_EXAMPLES, deadline=None)
    settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "nightly", max_examples=10_000, deadline=None, suppress_health_check=slow
    )
    found_is_enough = [Phase.explicit, Phase.generate]  # nobody reads the smallest example
    settings.register_profile(
        "mutants", settings.get_profile("ci"), max_examples=_DESK_EXAMPLES, phases=found_is_enough
    )
    ambient = os.environ  # noqa: TID251 - the test run's own wishes, not the node's
    fallback = "ci" if ambient.get("CI") == "true" else "dev"
    settings.load_profile(ambient.get("HYPOTHESIS_PROFILE", fallback))
    sys.addaudithook(_watch)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: the garbage collector need not look at it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _unicode_table() -> None:
    """Hypothesis makes its table of Unicode once per machine: 3 to 9 s that are nobody's test."""

    @settings(max_examples=1, database=None)
    @given(strategies.text(max_size=1))
    def use(_: str) -> None:
        pass

    use()


@pytest.fixture(autouse=True)
def _this_machine_only() -> Iterator[None]:
    """Fail a test that looked up or called another machine, even where it caught the error."""
    _outside.clear()
    yield
    if _outside:
        pytest.fail(f"talks to another machine: {', '.join(_outside)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    began = time.process_time()
    yield
    used = time.process_time() - began
    if UNIT_TESTS in item.path.parents and used > cpu_limit(item):
        pytest.fail(f"took {used:.1f} s of CPU; a unit test may take {cpu_limit(item):.0f} s")


def cpu_limit(item: pytest.Item) -> float:
    """Seconds of CPU that this unit test may use."""
    limit = CPU_LIMIT_S if sys.gettrace() is None else 2 * CPU_LIMIT_S  # coverage is counting lines
    test: Any = getattr(item, "obj", None)
    if not getattr(test, "is_hypothesis_test", False):
        return limit
    chosen = getattr(test, "_hypothesis_internal_use_settings", None) or settings()
    return limit * max(1, chosen.max_examples / _DESK_EXAMPLES)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]  # a path for a Unix socket
        host = address[0] if isinstance(address, tuple) else "localhost"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_this_machine(host):
        _outside.append(f"{event} {host}")
        raise PermissionError(f"tests talk to this machine only, not to {host}")


def is_this_machine(host: object) -> bool:
    """Whether the host is loopback, or "all interfaces" that a server binds to."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return True
    try:
        address = ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
