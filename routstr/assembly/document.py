"""The OpenAPI document: the management API, and the paid routes that stand in front of it."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.openapi import paid_paths


class Api(FastAPI):
    """The management API. ``dialects`` and ``pieces`` are served in front of it."""

    dialects: Sequence[Dialect] = DIALECTS
    pieces: Sequence[PieceDialect] = PIECES

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the framework's own
        self._making = threading.Lock()
        super().__init__(**options, openapi_url=None)

    def openapi(self) -> dict[str, Any]:
        """The document, made once; from any thread."""
        with self._making:
            made = self.openapi_schema
            document = super().openapi()
            if made is None:
                document["paths"] = {**paid_paths(self.dialects, self.pieces), **document["paths"]}
            return document

    async def document(self) -> dict[str, Any]:
        """The same, made beside the event loop: it takes a second, in which others are served."""
        return await asyncio.to_thread(self.openapi)
