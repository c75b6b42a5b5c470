import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devkit.environment import python, python_path
from devkit.processes import Child, Program, ServiceFailed

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(600)"
)
PARENT = """
import asyncio, os, sys, time
from pathlib import Path
from devkit.processes import Child, Program
child = Child(Program("child", [sys.executable, "-c", "import time; time.sleep(600)"], Path(".")))
print(child.pid, flush=True)
time.sleep(600)
"""


def program(folder: Path, code: str) -> Program:
    return Program("helper", [python(), "-c", code], folder, remedy="look here")


async def says_up(child: Child) -> None:
    async def up() -> bool:
        return "up" in child.tail()

    await child.wait_for(up, limit_s=20)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # nobody has collected it yet, but it runs no more
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until_gone(pid: int, limit_s: float = 5) -> None:
    end = time.monotonic() + limit_s
    while not gone(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert gone(pid)


async def test_a_child_that_listens_to_sigterm_ends_by_it(tmp_path: Path) -> None:
    child = Child(program(tmp_path, SLEEPER))
    await says_up(child)
    assert await child.stop() == -signal.SIGTERM
    assert not child.running
    assert gone(child.pid)


async def test_a_stubborn_child_is_killed_after_its_grace(tmp_path: Path) -> None:
    child = Child(program(tmp_path, STUBBORN))
    await says_up(child)
    assert await child.stop(grace_s=0.2) == -signal.SIGKILL


async def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print('up', p.pid, flush=True); time.sleep(600)"
    )
    child = Child(program(tmp_path, code))
    await says_up(child)
    grandchild = int(child.tail().split()[1])
    await child.stop()
    wait_until_gone(grandchild)


async def test_a_child_that_fails_to_start_leaves_its_last_words(tmp_path: Path) -> None:
    child = Child(program(tmp_path, "raise SystemExit('the disk is full')"))

    async def never() -> bool:
        return False

    with pytest.raises(ServiceFailed) as failure:
        await child.wait_for(never, limit_s=20)
    assert "exit status 1" in str(failure.value)
    assert "  | the disk is full" in str(failure.value)
    assert "Remedy: look here" in str(failure.value)


async def test_waiting_has_a_limit_and_leaves_nothing_running(tmp_path: Path) -> None:
    child = Child(program(tmp_path, SLEEPER))
    with pytest.raises(ServiceFailed, match=r"within 0\.3 s"):
        await child.wait_for_port(limit_s=0.3)
    assert gone(child.pid)


async def test_ctrl_c_while_waiting_leaves_nothing_running(tmp_path: Path) -> None:
    child = Child(program(tmp_path, SLEEPER))
    waiting = asyncio.create_task(child.wait_for_port(limit_s=20))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gone(child.pid)


async def test_a_refusal_to_serve_is_told_in_the_failure(tmp_path: Path) -> None:
    code = (
        "import http.server as h\n"
        "class Ill(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_error(503, 'the mint is away')\n"
        "h.HTTPServer(('127.0.0.1', 0), Ill).serve_forever()\n"
    )
    child = Child(program(tmp_path, code))
    port = await child.wait_for_port(limit_s=20)
    with pytest.raises(ServiceFailed, match=r"GET /health last answered 503: .*") as failure:
        await child.wait_for_answer(port, "/health", accept=lambda a: a.status == 200, limit_s=0.5)
    assert "the mint is away" in str(failure.value)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_orphan_is_left_however_the_parent_ends(tmp_path: Path, number: signal.Signals) -> None:
    environment = {"PATH": "/usr/bin:/bin", **python_path()}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(number)
        parent.wait(10)
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
