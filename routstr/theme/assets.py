"""Files for the browser, from the packages themselves; nothing is loaded from anywhere else.

Every file has an address with a digest of its content, so that browsers keep it for ever. Only
what is in the folders when the process starts is served: no path reaches the disk.
"""

import gzip
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

PREFIX: Final = "/assets"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_DIGEST_CHARS: Final = 12


class Asset(Struct, frozen=True):
    """One file: its address, and its bytes as they are and compressed."""

    url: str
    media_type: str
    body: bytes
    packed: bytes


class Assets:
    """The files of some packages. A file's name is ``<package>/<path below its static folder>``."""

    __slots__ = ("_by_name", "_by_url")

    def __init__(self, packages: Mapping[str, str]) -> None:
        """``packages``: import names of packages with a ``static`` folder, by their short names."""
        self._by_name: Final[dict[str, Asset]] = {}
        for short, package in packages.items():
            root = files(package) / "static"
            if root.is_dir():
                self._add(short, root)
        self._by_url: Final = {asset.url: asset for asset in self._by_name.values()}

    def _add(self, name: str, folder: Traversable) -> None:
        for file in folder.iterdir():
            path = f"{name}/{file.name}"
            if file.is_dir():
                self._add(path, file)
            elif media_type := _TYPES.get(file.name[file.name.rfind(".") :]):
                body = file.read_bytes()
                digest = hashlib.sha256(body).hexdigest()[:_DIGEST_CHARS]
                url = f"{PREFIX}/{digest}/{path}"
                self._by_name[path] = Asset(url, media_type, body, gzip.compress(body, mtime=0))

    def url(self, name: str) -> str:
        """The address of a file; raises :class:`KeyError`."""
        return self._by_name[name].url

    async def __call__(self, request: Request) -> Response:
        """Answer a request for a file."""
        asset = self._by_url.get(request.url.path)
        if asset is None:
            return Response(status_code=404)
        headers = {
            "Cache-Control": _FOR_EVER,
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        packed = "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            headers["Content-Encoding"] = "gzip"
        body = asset.packed if packed else asset.body
        return Response(body, media_type=asset.media_type, headers=headers)
