"""The load tools are compiled, speak to each other, and count right."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import load
from bench.load import Call, LoadFailed
from bench.scenarios import CROWD, JSON
from bench.targets import Target
from bench.tooling import NoCompiler, Tools
from devkit.ports import free_port


@dataclass(frozen=True)
class Bench:
    tools: Tools
    upstream: Target


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if shutil.which("gcc") is None:
        pytest.skip("not run: gcc is not installed")
    tools = Tools.build(tmp_path_factory.mktemp("tools"))
    port = free_port()
    with subprocess.Popen([tools.upstream, str(port)]) as process:
        subprocess.run(["sleep", "0.2"], check=True)
        yield Bench(tools, Target("upstream", port, (process.pid,)))
        process.kill()


@pytest.mark.slow
def test_short_answers_are_counted_and_added_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.load.SUMMED", "total_tokens")

    done = load.http(bench.tools.http, bench.upstream, JSON[1].call, 4, 0.3)

    assert done.all > 0
    assert done.summed == 70 * done.all  # what the mock provider says in each answer
    assert 0 < done.figures["p50_ms"] <= done.figures["p99_ms"] <= done.figures["max_ms"]


@pytest.mark.slow
def test_answers_in_chunks_are_read_whole(bench: Bench) -> None:
    done = load.http(bench.tools.http, bench.upstream, Call('{"user":"chunked"}'), 2, 0.2)

    assert done.all > 2


@pytest.mark.slow
def test_another_answer_than_the_right_one_fails_the_run(bench: Bench) -> None:
    with pytest.raises(LoadFailed, match="200 OK"):
        load.http(bench.tools.http, bench.upstream, Call("{}", status=402), 2, 0.2)


@pytest.mark.slow
def test_streams_are_followed_event_by_event(bench: Bench) -> None:
    figures = load.streams(bench.tools.sse, bench.upstream, CROWD.call, 10, 1)

    assert 80 <= figures["rate"] <= 120  # ten streams, an event every 100 ms
    assert figures["silent"] == 0
    assert 90 <= figures["gap_max_ms"] < 1_000


def test_without_a_compiler_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoCompiler, match="apt-get install gcc"):
        Tools.build(tmp_path)
