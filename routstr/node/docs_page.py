"""``GET /docs``: the endpoints as one plain page; nothing is fetched from anywhere else."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"></head>
<body><main><h1>{title}</h1>
<p>For programs there is <a href="/openapi.json">/openapi.json</a>. Paid requests go to
<code>POST /v1/chat/completions</code>, as with any OpenAI client, with a key or a Cashu token as
<code>Authorization: Bearer</code>.</p>
<table><thead><tr><th scope="col">endpoint</th><th scope="col">does</th></tr></thead>
<tbody>{rows}</tbody></table></main></body></html>
"""


def render(document: Mapping[str, Any]) -> str:
    """Write the endpoints of an OpenAPI document as HTML."""
    title = escape(f"{document['info']['title']}: endpoints")
    return _PAGE.format(title=title, rows="".join(_rows(document)))


def _rows(document: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            does = escape(str(operation.get("description") or operation.get("summary", "")))
            name = escape(f"{method.upper()} {path}")
            yield f"<tr><td><code>{name}</code></td><td>{does}</td></tr>"
