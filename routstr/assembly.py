"""What the node and the operator's commands put together alike: the database and the wallet.

A saga can be finished by a node or by a command. Both get here the same completions, and so book
the same.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import ClientSession

from routstr.auth.service import CREATE, KeyCompletion
from routstr.core.clock import Clock
from routstr.core.db import Backend, Database, migrate, node_values
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey, NodeKeyError
from routstr.core.settings import Settings
from routstr.ledger.guards import GuardsMissing, missing_guards
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.refund import REFUND, RefundCompletion
from routstr.payment.x_cashu import PAYMENT, PaymentCompletion
from routstr.wallet.mint import Mint
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mints import Mints
from routstr.wallet.service import Wallet, load_seed

_log = get_logger(__name__)

_KEY_CHECK: Final = "secret_key_check"


@asynccontextmanager
async def open_database(
    settings: Settings, node_key: NodeKey, backend: Backend | None = None
) -> AsyncIterator[Database]:
    """Bring the schema up to date and open the database, which is checked first.

    Raises :class:`migrate.UnknownRevision`, :class:`GuardsMissing`, :class:`NodeKeyError` when the
    key is not the one that the database was made with, or the driver's error.
    """
    url = settings.database_url.reveal()
    revision = await asyncio.to_thread(migrate.upgrade, url)
    db = Database(url, backend)
    db.start()
    try:
        await _check_guards(db)
        await _check_key(db, node_key)
        _log.info(
            "database_ready",
            revision=revision,
            secret_key_file=str(node_key.path or "from ROUTSTR_SECRET_KEY"),
        )
        yield db
    finally:
        await db.stop()


async def open_wallet(
    settings: Settings,
    db: Database,
    node_key: NodeKey,
    instance: int,
    session: ClientSession,
    clock: Clock,
    *,
    unlisted: tuple[str, ...] = (),
) -> Wallet:
    """Build the wallet of an instance, with everyone who books what it moves.

    ``unlisted`` are further mints that it may speak to, as normal URLs which the caller has checked
    like those of ``CASHU_MINTS``.
    """

    def connect(url: str) -> Mint:
        gate = MintGate(clock, parallel=settings.mint_max_concurrency)
        return Mint(url, session, gate, timeout_s=settings.mint_operation_timeout_seconds)

    primary = settings.primary_mint_url
    others = tuple(url for url in settings.cashu_mints if url != primary)
    listed = (primary, *others) if primary else others
    wallet = Wallet.build(
        db,
        clock,
        node_key,
        await load_seed(db, node_key),
        instance,
        Mints((*listed, *unlisted), connect, db, clock),
        proofs_max=settings.token_proofs_max,
        sat_max=settings.token_sat_max,
    )
    wallet.register(CREATE, KeyCompletion(clock))
    wallet.register(TOPUP, TopupCompletion(clock))
    wallet.register(REFUND, RefundCompletion(clock))
    wallet.register(PAYMENT, PaymentCompletion(clock))
    return wallet


async def _check_guards(db: Database) -> None:
    if missing := await db.read(missing_guards):
        raise GuardsMissing(
            "the database lacks rules that protect the money, which a tool or a hand removed: "
            f"{', '.join(missing)}. Restore the backup, or put them back as "
            "routstr/migrations makes them."
        )


async def _check_key(db: Database, node_key: NodeKey) -> None:
    mark = node_key.fingerprint().encode()
    stored = await db.write(lambda tx: node_values.remember(tx, _KEY_CHECK, mark))
    if not hmac.compare_digest(stored, mark):
        raise NodeKeyError(
            "the secret key does not belong to this database. Put back the key with which the "
            "database was made (ROUTSTR_SECRET_KEY or ROUTSTR_SECRET_KEY_FILE)."
        )
