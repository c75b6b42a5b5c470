"""What the set-up and the tests get to see of the environment they are started from.

Built from nothing: a name passes only when it is listed here. So no VIRTUAL_ENV, PYTHONPATH,
PIP_USER, DATABASE_URL or OPENAI_* of the person who types ``make`` changes what is installed or
what a test proves, while the way to the package index stays as that person has set it up.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_KEPT: Final = re.compile(
    r"""
    # the person and the terminal
    HOME | LOGNAME | USER | SHELL | PATH | LD_LIBRARY_PATH | TMPDIR | TZ | LANG | LC_\w+
    | TERM | COLUMNS | COLORTERM | NO_COLOR | FORCE_COLOR | XDG_(CACHE|CONFIG|DATA)_HOME
    # wishes
    | CI | ONCE
    # how to reach the package index, and whom to trust there
    | (HTTP|HTTPS|ALL)_PROXY | (http|https|all)_proxy
    | SSL_CERT_FILE | SSL_CERT_DIR | SSL_CLIENT_CERT | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE
    | PIP_(CONFIG_FILE | CACHE_DIR | INDEX_URL | EXTRA_INDEX_URL | FIND_LINKS | NO_INDEX
      | CERT | CLIENT_CERT | TRUSTED_HOST | PROXY | RETRIES | TIMEOUT | DEFAULT_TIMEOUT
      | KEYRING_PROVIDER)
    | UV_(CONFIG_FILE | CACHE_DIR | LINK_MODE | INDEX\w* | DEFAULT_INDEX | EXTRA_INDEX_URL
      | FIND_LINKS | NO_INDEX | OFFLINE | SYSTEM_CERTS | NATIVE_TLS | INSECURE_HOST
      | HTTP_RETRIES | HTTP_TIMEOUT | CONCURRENT_DOWNLOADS | KEYRING_PROVIDER)
    """,
    re.VERBOSE,
)
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_ALWAYS: Final = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_USER": "0",  # also against "user = true" in a configuration file
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}


def clean(ambient: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child process."""
    kept = {name: value for name, value in ambient.items() if _KEPT.fullmatch(name)}
    kept |= _ALWAYS
    kept.setdefault("UV_SYSTEM_CERTS", "1")  # trust what the machine trusts
    named = ambient.get("NO_PROXY") or ambient.get("no_proxy") or ""
    hosts = [host for host in named.replace(" ", "").split(",") if host]
    direct = ",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)])
    return kept | {"NO_PROXY": direct, "no_proxy": direct}


def inside(environment: Path, surroundings: Mapping[str, str]) -> dict[str, str]:
    """``surroundings`` with the programs of ``environment`` found first."""
    programs = environment / "bin"
    path = surroundings.get("PATH", "/usr/bin:/bin")
    return {**surroundings, "PATH": f"{programs}:{path}"}
