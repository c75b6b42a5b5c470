"""How the endpoints' requests and answers are read and written; one module for each way.

A dialect knows no money, no provider and no connection: it turns bytes into what the relay asks
of it. Adding an endpoint that sells tokens means adding a dialect and naming it here.
"""

from typing import Final

from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.choices import CHAT, COMPLETIONS
from routstr.proxy.dialects.counted import EMBEDDINGS, MODERATIONS, RERANK
from routstr.proxy.dialects.hearing import HEARING
from routstr.proxy.dialects.messages import MESSAGES
from routstr.proxy.dialects.pictures import PICTURES
from routstr.proxy.dialects.pieces import PieceDialect
from routstr.proxy.dialects.responses import RESPONSES
from routstr.proxy.dialects.speech import SPEECH

DIALECTS: Final[tuple[Dialect, ...]] = (
    CHAT,
    COMPLETIONS,
    RESPONSES,
    MESSAGES,
    EMBEDDINGS,
    MODERATIONS,
    RERANK,
)

PIECES: Final[tuple[PieceDialect, ...]] = (*PICTURES, SPEECH, *HEARING)
"""Endpoints that sell no words; see :mod:`routstr.proxy.dialects.pieces`."""
