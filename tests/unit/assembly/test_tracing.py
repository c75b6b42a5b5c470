import subprocess
import sys
from contextlib import AsyncExitStack

import pytest

from routstr.assembly.tracing import open_tracing
from routstr.core.clock import ManualClock
from routstr.core.otel import OtelTracer
from routstr.core.settings import Settings

COLLECTOR = Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:9")


async def test_without_a_collector_there_is_no_tracer() -> None:
    async with AsyncExitStack() as stack:
        assert open_tracing(Settings(), ManualClock(), stack) is None


async def test_a_named_collector_gets_traces() -> None:
    async with AsyncExitStack() as stack:
        assert isinstance(open_tracing(COLLECTOR, ManualClock(), stack), OtelTracer)


@pytest.mark.parametrize(
    ("url", "is_near"),
    [
        ("https://collector.example.com", False),
        (f"http://{'a' * 56}.onion", False),
        ("http://collector:4318", True),
        ("http://10.0.0.5:4318", True),
    ],
)
async def test_no_collector_elsewhere_is_told_directly_where_all_goes_through_tor(
    url: str, is_near: bool
) -> None:
    settings = Settings(
        otel_exporter_otlp_endpoint=url, tor_all=True, tor_proxy_url="socks5://127.0.0.1:9050"
    )
    async with AsyncExitStack() as stack:
        if is_near:
            assert open_tracing(settings, ManualClock(), stack) is not None
            return
        with pytest.raises(ValueError, match="TOR_ALL"):
            open_tracing(settings, ManualClock(), stack)


async def test_without_the_packages_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "routstr.core.otel", None)
    async with AsyncExitStack() as stack:
        with pytest.raises(ValueError, match=r"routstr\[otel\]"):
            open_tracing(COLLECTOR, ManualClock(), stack)


@pytest.mark.slow
def test_a_node_without_a_collector_imports_nothing_of_it() -> None:
    script = "import sys, routstr.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = {name for name in done.stdout.decode().split() if name.startswith("opentelemetry.")}
    # the framework looks for the interface by itself
    assert not [
        name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.ex"))
    ]
