"""nginx with the configuration that comes with the node, in front of ports of ours."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.peers import ALL, PEERS, _installed
from bench.targets import NGINX
from devkit.ports import LOOPBACK
from devkit.processes import Child, Program
from tests.unit.docs_markdown import ROOT

SHIPPED: Final = ROOT / "deploy" / "nginx" / "routstr.conf"
SEVERAL: Final = SHIPPED.with_name("instances.conf")
_MAIN: Final = """\
daemon off; master_process off; worker_processes 1; pid {folder}/pid;
events {{ worker_connections 512; }}
http {{
  access_log off; error_log {folder}/error.log;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {shipped}
}}
"""


def adapted(port: int, *nodes: int) -> str:
    """As it is shipped, but in clear, on this machine, without what else listens."""
    several = len(nodes) > 1
    text = (SEVERAL if several else SHIPPED).read_text(encoding="utf-8")
    for number, node in enumerate(nodes):
        place = f"server 127.0.0.1:{8001 + number if several else 8000}"
        assert place in text
        text = text.replace(place, f"server {LOOPBACK}:{node}")
    text = re.sub(r"server \{\s+listen 80;.*?\n\}\n", "", text, flags=re.DOTALL)
    text = re.sub(r" *(ssl_\w+|listen \[::\]:443) [^;]*;\n", "", text)
    text = text.replace("listen 443 ssl http2;", f"listen {LOOPBACK}:{port};")
    assert "443" not in text
    return text


@asynccontextmanager
async def nginx(folder: Path, port: int, *nodes: int) -> AsyncIterator[Child]:
    """Run it; fetched once, as the benchmarks do."""
    (peer,) = [one for one in ALL if one.name == NGINX]
    home = PEERS / peer.name.lower()
    _installed(peer, home)
    command = peer.command(home, folder, port, nodes[0])
    Path(command[-1]).write_text(_MAIN.format(folder=folder, shipped=adapted(port, *nodes)))
    child = Child(Program("nginx", command, folder))
    try:
        await child.wait_for_answer(
            port, "/", accept=lambda answer: bool(answer.status), limit_s=20
        )
        yield child
    finally:
        await child.stop()
