"""The way to the package index: what the person has set up for pip holds for uv too.

uv does not read pip's configuration files, and a company's mirror or certificate is often named
only there. pip itself is asked what it knows; settings meant for uv win.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Final

_SECTIONS: Final = ("global", "install", ":env:")  # the last one wins, as in pip


def _spaces(value: str) -> str:
    return " ".join(value.split())


def _commas(value: str) -> str:
    return ",".join(value.split())


def _switch(value: str) -> str:
    return "1" if value.strip().lower() in {"1", "true", "yes", "on", "y", "t"} else "0"


_TRANSLATION: Final[Mapping[str, tuple[Callable[[str], str], tuple[str, ...]]]] = {
    "index-url": (_spaces, ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
    "extra-index-url": (_spaces, ("UV_EXTRA_INDEX_URL", "UV_INDEX")),
    "find-links": (_commas, ("UV_FIND_LINKS",)),
    "no-index": (_switch, ("UV_NO_INDEX",)),
    "trusted-host": (_spaces, ("UV_INSECURE_HOST",)),
    "cert": (_spaces, ("SSL_CERT_FILE",)),
    "client-cert": (_spaces, ("SSL_CLIENT_CERT",)),
    "proxy": (_spaces, ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")),
}
"""pip's setting: how its value is written for uv, and uv's names (the first one is set)."""


def parse(listing: str) -> dict[str, str]:
    """The settings in the output of ``pip config list``, without their sections."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found and value:
            found[section][key] = str(ast.literal_eval(value))
    return {key: value for one in _SECTIONS for key, value in found[one].items()}


def for_uv(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with what pip knows added under uv's names."""
    added = dict(environment)
    for key, (written, names) in _TRANSLATION.items():
        if pip.get(key) and not any(environment.get(name) for name in names):
            added[names[0]] = written(pip[key])
    # every file is checked against its hash, so it may come from any of the indexes, as with pip
    added.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return added


def for_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` with the certificates that other programs are told of, if pip is not."""
    certificates = environment.get("PIP_CERT") or environment.get("SSL_CERT_FILE")
    return {**environment, "PIP_CERT": certificates} if certificates else dict(environment)
