"""Routstr: Bitcoin micropayments in front of any OpenAI-compatible AI API.

Nothing heavy is imported here. ``routstr.fastapi_app`` is built on first use, so
``uvicorn routstr:fastapi_app`` works and ``import routstr`` stays cheap.
"""

from typing import TYPE_CHECKING, Any

from routstr.version import __version__

if TYPE_CHECKING:
    from routstr.main import App

    fastapi_app: App

__all__ = ["__version__", "fastapi_app"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the signature of PEP 562
    if name == "fastapi_app":
        from routstr.main import app_from_environment  # noqa: PLC0415 - lazy on purpose

        return app_from_environment()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
