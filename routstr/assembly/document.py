"""The OpenAPI document: the management API, and the paid routes that stand in front of it."""

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

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        made = self.openapi_schema
        document = super().openapi()
        if made is None:
            document["paths"] = {**paid_paths(self.dialects, self.pieces), **document["paths"]}
        return document
