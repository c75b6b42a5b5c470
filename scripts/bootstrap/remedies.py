"""What to do when a step of the set-up failed, told from what its program wrote."""

import re
from typing import Final

_CERTIFICATE: Final = """\
The package index shows a certificate that is not trusted here. If your network has a certificate
authority of its own, name its file in PIP_CERT."""
_SPACE: Final = "Free some disk space (about 2 GB are needed), then run the command again."
_HASH: Final = """\
The package index served another file than the one that requirements/ names. Do not install it by
hand: check PIP_INDEX_URL and UV_DEFAULT_INDEX, then run the command again."""
_NETWORK: Final = """\
The package index was not reached. Check the network; behind a proxy set HTTPS_PROXY, with a mirror
PIP_INDEX_URL. Then run the command again."""
_WHEEL: Final = """\
A package has no wheel for this system. Known to work: CPython 3.11 to 3.13 on Linux with glibc."""
_PERMISSION: Final = "A file could not be written. Work in a folder that belongs to you."

# Tried in this order: pip, for one, ends with "no matching distribution" when it is offline.
_REMEDIES: Final = (
    (r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer", _CERTIFICATE),
    (r"No space left on device|Disk quota exceeded", _SPACE),
    (r"hash mismatch|DO NOT MATCH THE HASHES", _HASH),
    (r"dns error|error sending request|failed to fetch|could not fetch URL|timed? ?out", _NETWORK),
    (r"NewConnectionError|connection refused|name resolution|network is unreachable", _NETWORK),
    (r"no usable wheels|has no wheels|no matching distribution", _WHEEL),
    (r"permission denied|read-only file system", _PERMISSION),
)
_OTHERWISE: Final = "Run the command again; if it fails in the same way, report the lines above."


def remedy(output: str) -> str:
    """One line of advice."""
    for pattern, advice in _REMEDIES:
        if re.search(pattern, output, re.IGNORECASE):
            return advice
    return _OTHERWISE
