"""The OpenAPI document: the management API, and the paid routes that stand in front of it."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routstr.errors import NotFound
from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.openapi import paid_paths

_ERROR: Final = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            },
            "required": ["message", "type", "code"],
        },
        "request_id": {"type": "string"},
    },
    "required": ["error", "request_id"],
}
_REFUSED: Final = {
    "description": "Refused: the status, and in the body type and code, tell why.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


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
                _tell_of_refusals(document)
            return document

    def post_only(self) -> None:
        """Tell whoever asks for a paid path otherwise than by POST that it has no other method.

        To be called last: no other route is looked for later because of it.
        """
        for path in paid_paths(self.dialects, self.pieces):
            self.router.routes.append(
                Route(path, _nobody, methods=["POST"], include_in_schema=False)
            )

    async def document(self) -> dict[str, Any]:
        """The same, made beside the event loop: it takes a second, in which others are served."""
        return await asyncio.to_thread(self.openapi)


async def _nobody(_request: Request) -> Response:
    raise NotFound  # paid routes stand in front; nothing is sold while nothing runs


def _tell_of_refusals(document: dict[str, Any]) -> None:
    """Every operation may be refused with an error, whatever its status."""
    document.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    for item in document["paths"].values():
        for operation in item.values():
            answers: dict[str, Mapping[str, Any]] = operation["responses"]
            answers.setdefault("default", _REFUSED)
