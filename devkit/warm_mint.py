"""What nutshell needs of others, for a nursery of mints: nine tenths of what it imports.

None of nutshell's own modules: they read the settings when they are imported.
"""

from contextlib import suppress
from importlib import import_module
from typing import Final

_NEEDED: Final = (
    *("aiosqlite", "bech32", "bip32", "bolt11", "brotli", "cbor2", "click", "coincurve"),
    *("Cryptodome.Cipher.AES", "environs", "fastapi.templating", "grpc.aio", "gzip", "httpx"),
    *("google.protobuf.internal.builder", "jinja2", "jwt", "loguru", "pydantic_settings"),
    *("redis.asyncio", "slowapi.middleware", "sqlalchemy.ext.asyncio", "starlette.middleware.cors"),
    *("uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"),
    *("uvicorn.protocols.websockets.auto", "zstandard"),
    "breez_sdk_spark",  # version 0.21 only
)

for name in _NEEDED:
    with suppress(ImportError):
        import_module(name)
