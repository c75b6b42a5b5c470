"""What a process opens once, whatever its settings become."""

from contextlib import AsyncExitStack
from pathlib import Path

from routstr.assembly.process import open_process
from routstr.core.clock import ManualClock
from routstr.core.logging import start_logging
from routstr.core.settings import Settings


async def test_the_database_is_open_until_the_process_ends(tmp_path: Path) -> None:
    given = Settings(
        database_url=f"sqlite:///{tmp_path}/node.db",
        log_dir=tmp_path / "logs",
        enable_console_logging=False,
    )
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        logs = start_logging(given, clock)
        stack.callback(logs.close)
        process = await open_process(given, clock, logs, None, stack)
        assert await process.db.read(lambda c: c.exec_driver_sql("SELECT 1").scalar()) == 1
        assert process.given is given
        assert (tmp_path / "routstr_secret.key").exists()
