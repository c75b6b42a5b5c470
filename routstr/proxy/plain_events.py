"""Finds out, without a look at any single event, that a part of a stream may go on as it is."""

import re
from typing import Final

EVENT_ENDS: Final = (b"\n\n", b"\r\n\r\n")

# a pattern that begins with a single byte is searched as fast as memory is read
_COMMENT_LINE: Final = re.compile(rb"\n(?=:)").search
_DONE: Final = re.compile(rb"\[(?=DONE\])").search
MANY_BYTES: Final = 1_024
"""Of fewer there is nothing to be gained over looking at each event."""
_COLON: Final = 58
CR: Final = 13
# what is asked of each event is asked with `find`, or of a number: `in` first tries whether bytes
# are a number, with an error that is raised and forgotten, which takes as long as all the rest


def is_plain(data: bytes) -> bool:
    """Whether nothing in these bytes is of interest. It may say no too often, never yes."""
    return (
        data[0] != _COLON
        and _COMMENT_LINE(data) is None
        and (CR not in data or data.find(b"\r:") < 0)
        and _DONE(data) is None
        and data.find(b'"error"') < 0
        and (data.find(b'"usage"') < 0 or data.count(b'"usage"') == data.count(b'"usage":null'))
    )


def plain_bytes(data: bytes) -> int:
    """How much of these bytes is whole events without anything of interest; perhaps too little."""
    if len(data) < MANY_BYTES or data[0] == _COLON:
        return 0
    if CR in data:
        return len(data) if data.endswith(EVENT_ENDS) and is_plain(data) else 0
    end = len(data)
    if comment := _COMMENT_LINE(data):
        end = comment.end()
    if done := _DONE(data, 0, end):
        end = done.start()
    error = data.find(b'"error"', 0, end)
    if error >= 0:
        end = error
    usage = data.rfind(b'"usage"', 0, end)
    if usage >= 0:
        if not data.startswith(b":null", usage + len(b'"usage"')):
            end = usage  # the one that is told at the end
        if data.count(b'"usage"', 0, end) != data.count(b'"usage":null', 0, end):
            return 0
    last = data.rfind(b"\n\n", 0, end)
    return last + 2 if last >= 0 else 0
