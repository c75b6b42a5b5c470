"""A whole node on SQLite, without a server around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from routstr.assembly.running import Running
from routstr.core.options.service import Options
from routstr.core.settings import Settings
from routstr.main import App, create_app

MODELS = (
    '{"data": [{"id": "m", "name": "m", "pricing": {"prompt": "0.000002", "completion": "0"},'
    ' "top_provider": {"context_length": 100, "max_completion_tokens": 10}}]}'
)


@asynccontextmanager
async def node(folder: Path, **more: Any) -> AsyncIterator[tuple[App, Options, Running]]:
    (folder / "models.json").write_text(MODELS)
    app = create_app(
        Settings(
            database_url=f"sqlite:///{folder}/node.db",
            models_path=folder / "models.json",
            log_dir=folder / "logs",
            enable_console_logging=False,
            verify_interval_seconds=0,
            **{"btc_usd": Decimal(100_000), **more},
        )
    )
    async with app.api.router.lifespan_context(app.api):
        assert app.options is not None
        assert app.running is not None
        yield app, app.options, app.running


async def instances(running: Running) -> list[int]:
    """Those that have not left."""
    return await running._process.db.read(
        lambda c: [
            row[0] for row in c.exec_driver_sql("SELECT id FROM instances WHERE stopped_at IS NULL")
        ]
    )
