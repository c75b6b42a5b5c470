"""An OpenAI-compatible provider that we play, so that it can misbehave to the byte.

``async with Upstream() as upstream`` listens on loopback and answers chat completions, JSON and
SSE, with exact usage. What the next request gets is put in a queue::

    upstream.next(refuse(429), chat(shape=Shape(stop_after=2, ending="reset")))

or chosen by the request's model name when it is one of :data:`PLAYS` (``"refuse-429"``).
``upstream.requests`` holds every request as it arrived.
"""

from devkit.upstream.chat import Reply, Shape
from devkit.upstream.http import Exchange, Play, Seen
from devkit.upstream.plays import (
    PLAYS,
    answer,
    chat,
    endless,
    error_in_stream,
    gzip_bomb,
    hang_up,
    html_error,
    late,
    refuse,
    silent,
    wrong_length,
)
from devkit.upstream.server import Upstream

__all__ = [
    "PLAYS",
    "Exchange",
    "Play",
    "Reply",
    "Seen",
    "Shape",
    "Upstream",
    "answer",
    "chat",
    "endless",
    "error_in_stream",
    "gzip_bomb",
    "hang_up",
    "html_error",
    "late",
    "refuse",
    "silent",
    "wrong_length",
]
