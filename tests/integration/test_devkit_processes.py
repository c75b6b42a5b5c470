import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from devkit.environment import python, python_path
from devkit.nursing import Nurse
from devkit.processes import Child, Program, ServiceFailed

Make = Callable[[str], Program]
"""A program that runs this code."""

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)"
)
PARENT = """
import asyncio, sys, time
from pathlib import Path
from devkit.nursing import Nurse
from devkit.processes import Child, Program
nurse = Nurse()
socket = asyncio.run(nurse.start("any", sys.executable)) if sys.argv[1:] else None
command = [sys.executable, "-m", "tests.integration.obey", "import time; time.sleep(600)"]
child = Child(Program("child", command, Path(), nursery=socket))
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["spawned", "forked"])
async def program(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """How a program is made that a test wants to run, in the usual way and by a nursery."""
    command = [python(), "-m", "tests.integration.obey"]
    nurse = Nurse()
    socket = await nurse.start("any", python()) if request.param == "forked" else None

    def make(code: str) -> Program:
        return Program(
            name="helper",
            command=[*command, code],
            folder=tmp_path,
            environment=python_path(),
            remedy="look here",
            nursery=socket,
        )

    yield make
    nurse.stop()


async def says_up(child: Child) -> None:
    async def up() -> bool:
        return "up" in child.tail()

    await child.wait_for(up, limit_s=20)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the latter when it goes while it is read
        return True
    return state == "Z"  # nobody has collected it yet, but it runs no more


def wait_until_gone(pid: int, limit_s: float = 5) -> None:
    end = time.monotonic() + limit_s
    while not gone(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert gone(pid)


async def test_a_child_that_listens_to_sigterm_ends_by_it(program: Make) -> None:
    child = Child(program(SLEEPER))
    await says_up(child)
    assert await child.stop() == -signal.SIGTERM
    assert not child.running
    assert gone(child.pid)


async def test_a_stubborn_child_is_killed_after_its_grace(program: Make) -> None:
    child = Child(program(STUBBORN))
    await says_up(child)
    assert await child.stop(grace_s=0.2) == -signal.SIGKILL


async def test_what_a_child_started_ends_with_it(program: Make) -> None:
    code = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('up', p.pid, flush=True); time.sleep(600)"
    )
    child = Child(program(code))
    await says_up(child)
    grandchild = int(child.tail().split()[1])
    await child.stop()
    wait_until_gone(grandchild)


async def test_a_child_sees_what_was_given_to_it_and_nothing_else(program: Make) -> None:
    code = (
        "import os, sys;"
        "print(os.getcwd(), sorted(os.environ), sys.stdin.read(), sys.argv[1:2] != []);"
        "print(os.getpgid(0) == os.getpid(), len(os.listdir('/proc/self/fd')), file=sys.stderr)"
    )
    made = program(code)
    child = Child(made)
    assert await child.wait(limit_s=20) == 0
    first, second = child.tail().splitlines()
    names = ["HOME", "LANG", "PATH", "PYTHONNOUSERSITE", "PYTHONPATH", "PYTHONSAFEPATH"]
    assert first.startswith(f"{made.folder} ['")
    assert {name for name in names if f"'{name}'" in first} == set(names)
    assert "DEVKIT_NURSERIES" not in first
    assert first.endswith(" True")
    assert second == "True 4"  # the three standard ones, and the listing's own


async def test_a_child_reads_what_it_is_given_and_complains_elsewhere(
    program: Make, tmp_path: Path
) -> None:
    (tmp_path / "given").write_text("a question")
    code = "import sys; print(sys.stdin.read() + '?'); print('odd', file=sys.stderr)"
    errors = tmp_path / "errors"
    child = Child(replace(program(code), stdin=tmp_path / "given", errors=errors))
    assert await child.wait(limit_s=20) == 0
    assert child.tail() == "a question?"
    assert errors.read_text() == "odd\n"


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('no')", 1, "no"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import atexit; atexit.register(print, 'good bye')", 0, "good bye"),
        ("import threading; threading.Timer(0.2, print, ['done']).start()", 0, "done"),
    ],
)
async def test_a_child_ends_as_an_interpreter_does(
    program: Make, code: str, status: int, words: str
) -> None:
    child = Child(program(code))
    assert await child.wait(limit_s=20) == status
    assert words in child.tail()
    assert child.exit_status == status


async def test_a_child_that_fails_to_start_leaves_its_last_words(program: Make) -> None:
    child = Child(program("raise SystemExit('the disk is full')"))

    async def never() -> bool:
        return False

    with pytest.raises(ServiceFailed) as failure:
        await child.wait_for(never, limit_s=20)
    assert "exit status 1" in str(failure.value)
    assert "  | the disk is full" in str(failure.value)
    assert "Remedy: look here" in str(failure.value)


async def test_waiting_has_a_limit_and_leaves_nothing_running(program: Make) -> None:
    child = Child(program(SLEEPER))
    with pytest.raises(ServiceFailed, match=r"within 0\.3 s"):
        await child.wait_for_port(limit_s=0.3)
    assert gone(child.pid)


async def test_ctrl_c_while_waiting_leaves_nothing_running(program: Make) -> None:
    child = Child(program(SLEEPER))
    waiting = asyncio.create_task(child.wait_for_port(limit_s=20))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gone(child.pid)


async def test_a_refusal_to_serve_is_told_in_the_failure(program: Make) -> None:
    code = (
        "import http.server as h\n"
        "class Ill(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_error(503, 'the mint is away')\n"
        "h.HTTPServer(('127.0.0.1', 0), Ill).serve_forever()\n"
    )
    child = Child(program(code))
    port = await child.wait_for_port(limit_s=20)
    with pytest.raises(ServiceFailed, match=r"GET /health last answered 503: .*") as failure:
        await child.wait_for_answer(port, "/health", accept=lambda a: a.status == 200, limit_s=0.5)
    assert "the mint is away" in str(failure.value)


@pytest.mark.parametrize("forked", [(), ("forked",)], ids=["spawned", "forked"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_orphan_is_left_however_the_parent_ends(
    tmp_path: Path, number: signal.Signals, forked: tuple[str, ...]
) -> None:
    # the path of a socket may not be long, and that of a test's folder can be
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": "/tmp", **python_path()}
    command = [sys.executable, "-c", PARENT, *forked]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(number)
        try:
            parent.wait(10)
        finally:
            parent.kill()
        parent.stdout.close()
    wait_until_gone(child)


def test_a_parent_that_died_first_is_noticed() -> None:
    leash = Path(__file__).parents[2] / "devkit" / "leash.py"
    not_our_parent = str(os.getppid())
    finished = subprocess.run(
        [sys.executable, str(leash), not_our_parent, "9", "-", "--", "/bin/echo", "started"],
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 71
    assert finished.stdout == b""
