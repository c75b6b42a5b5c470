"""What a provider keeps, and any path that it does not know: everything has an answer."""

import json
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from devkit.upstream.dialects import is_spoken
from devkit.upstream.http import Seen

CONTENT: Final = b"what lies in a file\n"
_CREATED: Final = 1_767_225_600
_numbers: Final = count(1)

Kept = tuple[int, bytes, Mapping[str, str]]


def kept(request: Seen) -> Kept | None:
    """Status, body and headers for what is no request to a model; None for one that is."""
    path = request.path.partition("?")[0]
    segments = path.strip("/").split("/")[1:]
    if request.method == "POST" and is_spoken(path):
        return None
    body: dict[str, Any] = {"object": "echo", "method": request.method, "path": request.path}
    match [request.method, *segments]:
        case ["DELETE", kind, name]:
            body = {"id": name, "object": kind, "deleted": True}
        case [_, "responses", name, *_]:
            body = _response(name)
        case ["POST", "files"]:
            body = {"id": f"file-{next(_numbers)}", "object": "file", "bytes": len(request.body)}
        case ["GET", "files", _, "content"]:
            return 200, CONTENT, {"Content-Type": "application/octet-stream"}
        case ["GET", kind, name]:
            body = {"id": name, "object": kind}
        case ["POST", "batches"]:
            number = next(_numbers)
            body = {"id": f"batch-{number}", "object": "batch", "output_file_id": f"out-{number}"}
        case _:
            pass
    return 200, json.dumps(body).encode(), {}


def _response(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "response",
        "created_at": _CREATED,
        "status": "completed",
        "error": None,
        "model": "good",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
