"""What a node and its commands import or read by the time they are up, for a nursery of nodes."""

import alembic.command  # noqa: F401
import uvicorn.protocols.http.httptools_impl  # noqa: F401
import uvloop  # noqa: F401

from routstr.cli import server, verification  # noqa: F401
from routstr.payment.tokens import load_vocabulary

load_vocabulary()
