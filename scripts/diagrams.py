"""Diagrams of the documents, drawn while the site is built: readers load no script for them."""

import hashlib
from typing import Final

import mmdr
from pymdownx.superfences import SuperFencesException

_OWN_ID: Final = "merman"
"""By this name the drawing's style finds its parts; a page may have several drawings."""


def fence(source: str, *_: object, **__: object) -> str:
    """A fenced block of Mermaid as an inline drawing; raises SuperFencesException for what is none.

    Called by ``pymdownx.superfences``, as ``mkdocs.yml`` says.
    """
    name = f"diagram-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    try:
        drawing = str(mmdr.render(source).svg())
    except ValueError as error:
        raise SuperFencesException(str(error)) from error
    return f'<div class="diagram">{drawing.replace(_OWN_ID, name)}</div>'
