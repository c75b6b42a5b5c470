"""QR codes as pictures inside a page."""

import io
from typing import Final

from markupsafe import Markup

QR_CHARS_MAX: Final = 2_900
"""More do not fit into one code that a phone can read."""


def qr_svg(text: str, label: str = "") -> Markup:
    """Draw a code, dark on light whatever the page's colours are; empty when it is too long.

    ``label`` is what a screen reader says. Cashu tokens and invoices are told in capitals where
    that is the same to their readers: it makes smaller codes.
    """
    if len(text) > QR_CHARS_MAX:
        return Markup("")
    import segno  # noqa: PLC0415 - only pages with a code need it

    drawn = io.BytesIO()
    segno.make(text, error="l", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=True, border=4, dark="#000", light="#fff",
        omitsize=True, svgclass="qr", lineclass=None, title=label or None,
    )  # fmt: skip
    return Markup(drawn.getvalue().decode())  # noqa: S704 - segno escapes the title
