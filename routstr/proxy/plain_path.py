"""Paths that lead where they seem to lead, and nowhere else.

A path is compared with patterns and sent to a provider segment by segment, so it must have one
reading only: nothing encoded (not even once: what one reader decodes another one may decode again),
no empty and no dotted segments, no backslashes, no controls.
"""

import re
from typing import Final

from routstr.errors import InvalidPath

PATH_CHARS_MAX: Final = 1_024
_PLAIN: Final = re.compile(rb"/[A-Za-z0-9._~!$'()*+,;=:@/-]*")
_DOTS: Final = frozenset({"", ".", ".."})


def plain_segments(raw_path: bytes) -> tuple[str, ...]:
    """The segments of a path as it was sent, without ``v1``. Raises :class:`InvalidPath`."""
    path = raw_path.partition(b"?")[0]
    if len(path) > PATH_CHARS_MAX or not _PLAIN.fullmatch(path):
        raise InvalidPath("The path has characters, or encoded ones, that are not accepted here.")
    segments = tuple(path.decode("ascii").removesuffix("/").split("/")[1:])
    segments = segments[1:] if segments[:1] == ("v1",) else segments
    if not segments or any(segment in _DOTS for segment in segments):
        raise InvalidPath("The path has empty or dotted segments, or none.")
    return segments
