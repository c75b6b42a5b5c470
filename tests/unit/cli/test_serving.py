import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from routstr.cli.serving import Address, plainly_asked

CERTIFICATES: Final = """
import ssl
from routstr.cli.serving import load_client_library
before = ssl.SSLContext.set_default_verify_paths
reads = []
def counted(context):
    reads.append(context.verify_mode)
    before(context)
ssl.SSLContext.set_default_verify_paths = counted
load_client_library()
assert reads == [ssl.CERT_REQUIRED], reads
assert ssl.SSLContext.set_default_verify_paths is counted
from aiohttp import connector
usual = ssl.create_default_context().cert_store_stats()
assert connector._SSL_CONTEXT_VERIFIED.cert_store_stats() == usual
assert connector._SSL_CONTEXT_UNVERIFIED.cert_store_stats()["x509"] == 0
"""


def test_serve_and_its_options_are_understood_without_the_other_commands() -> None:
    assert plainly_asked(["serve"]) == Address()
    assert plainly_asked(["serve", "--port", "0"]) == Address(port=0)
    assert plainly_asked(["serve", "--port", "8000", "--host", "::1"]) == Address("::1", 8000)
    assert plainly_asked(["serve", "--workers", "64"]) == Address(workers=64)


@pytest.mark.parametrize(
    "line",
    [
        "", "wallet", "--version", "serve --help", "serve --port", "serve --port many",
        "serve --port -1", "serve --port 65536", "serve --port=1", "serve --host --port",
        "serve --other 1", "serve 8000", "serve --port ²",
        "serve --workers 0", "serve --workers 65", "serve --workers two", "serve --workers ²",
    ],
)  # fmt: skip
def test_all_else_goes_to_the_tree_of_commands(line: str) -> None:
    assert plainly_asked(line.split()) is None


def test_an_empty_host_is_not_plain() -> None:
    assert plainly_asked(["serve", "--host", ""]) is None


def test_the_systems_certificates_are_read_once_and_by_whom_they_serve() -> None:
    subprocess.run(
        [sys.executable, "-c", CERTIFICATES],
        check=True, timeout=60, env={"PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
