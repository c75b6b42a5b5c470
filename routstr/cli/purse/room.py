"""Where a purse lies, and how it is opened: a database, its key and a log, for its owner only."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlmodel import col

from routstr.cli.opening import opened_database, opened_wallet
from routstr.cli.purse import books
from routstr.cli.purse.purse import Purse
from routstr.core.addresses import check_mint_url, normalise_mint_url
from routstr.core.clock import SystemClock
from routstr.core.db import Database
from routstr.core.node_key import load_node_key
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.wallet.models import KeysetRow

_OWNER_ONLY: Final = 0o700


def usual_folder() -> Path:
    """``ROUTSTR_PURSE``, else ``routstr`` in ``XDG_DATA_HOME``, by default ``~/.local/share``."""
    desk = os.environ  # noqa: TID251 - the user's, and no node's
    if named := desk.get("ROUTSTR_PURSE"):
        return Path(named)
    base = desk.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "routstr"


@asynccontextmanager
async def opened(given: Settings, folder: Path, mint: str = "") -> AsyncIterator[Purse]:
    """Open the purse in a folder, and make it if there is none.

    ``mint`` is one that it need not know yet. Raises ``ValueError`` for one that must not be asked.
    """
    await asyncio.to_thread(folder.mkdir, _OWNER_ONLY, parents=True, exist_ok=True)
    settings = _settings(given, folder)
    key = load_node_key(settings)
    clock = SystemClock()
    async with opened_database(settings, key) as db:
        mints = await _mints(db)
        if mint:
            url = normalise_mint_url(mint)
            try:
                check_mint_url(url, allow_insecure=settings.allow_insecure_mints)
            except ValueError as error:
                raise ValueError(f"the mint {url} {error}") from None
            mints |= {url}
        known = tuple(sorted(mints))
        async with opened_wallet(settings, db, key, unlisted=known) as wallet:
            books.register(wallet, clock)
            yield Purse(db, wallet, key, clock, stale_seconds=settings.instance_stale_seconds)


def _settings(given: Settings, folder: Path) -> Settings:
    """The caller's limits and ways out, and nothing of a node that may live here."""
    return given.model_copy(
        update={
            "database_url": Secret(f"sqlite:///{folder / 'purse.db'}"),
            "routstr_secret_key": Secret(),
            "routstr_secret_key_file": folder / "purse.key",
            "log_dir": folder / "logs",
            "cashu_mints": (),
            "primary_mint_url": "",
            "swap_mints": (),
            "mint_exposure_sat_max": 0,
            "mint_exposure_sat_max_of": (),
        }
    )


async def _mints(db: Database) -> set[str]:
    """The mints of which the purse has, or had, something."""
    rows = await db.read(lambda c: list(c.execute(select(col(KeysetRow.mint)).distinct())))
    return {str(row[0]) for row in rows}
