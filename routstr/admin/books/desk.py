"""The books, a page at a time. Every page costs the same, however much lies before it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import NoResultFound

from routstr.admin.books.schemas import (
    InvoiceInfo,
    InvoicePage,
    TokenPage,
    TransactionInfo,
    TransactionPage,
    TransferInfo,
    TransferPage,
)
from routstr.admin.keys.schemas import TokenInfo
from routstr.auth import key_lists
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.errors import InvalidParameter, NoSuchKey, RefundNotFound
from routstr.ledger import browse
from routstr.ledger.browse import Filter
from routstr.ledger.kinds import TransferKind
from routstr.payment.claims import Claims
from routstr.payment.deposits import LIGHTNING_CREATE, LIGHTNING_TOPUP
from routstr.payment.withdrawals import KEY_WITHDRAWAL
from routstr.wallet import bolt11, papers
from routstr.wallet.bolt11 import InvalidInvoice
from routstr.wallet.models import QuoteState, SagaKind

PAGE: Final = 50
KINDS: Final = tuple(kind.name.lower() for kind in TransferKind)
TOKEN_STATES: Final = ("issued", "collected", "pending", "failed")
_PURPOSES: Final = {"create": LIGHTNING_CREATE, "topup": LIGHTNING_TOPUP}
_HASH_BYTES: Final = 32
_MS: Final = 1_000
_STATES: Final[dict[str, tuple[QuoteState, ...]]] = {
    "": (),
    "pending": (QuoteState.UNPAID,),
    "settlement_pending": (QuoteState.PAID,),
    "paid": (QuoteState.ISSUED,),
    "expired": (QuoteState.UNPAID, QuoteState.EXPIRED),
    "reconciliation_required": (QuoteState.LOST,),
}
INVOICE_STATES: Final = tuple(word for word in _STATES if word)
_SAGAS: Final = {
    "in": (SagaKind.RECEIVE, SagaKind.MINT, SagaKind.FORWARD),
    "out": (SagaKind.SEND, SagaKind.MELT),
}


class TransferQuery(Struct, frozen=True):
    """Which transfers; empty: any. Times are Unix seconds, ``until`` not included."""

    kind: str = ""
    key: str = ""
    since: int | None = None
    until: int | None = None


class InvoiceQuery(Struct, frozen=True):
    """Which invoices; empty: any. ``search`` is a bolt11 or a payment hash, whole."""

    status: str = ""
    purpose: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class BooksDesk:
    """Reads the books, and asks mints about tokens."""

    db: Database
    clock: Clock
    claims: Claims

    async def transfers(
        self, query: TransferQuery, before: int | None = None, limit: int = PAGE
    ) -> TransferPage:
        """List transfers; raises InvalidParameter, NoSuchKey."""
        if query.kind and query.kind not in KINDS:
            raise InvalidParameter("There is no such kind.", details={"param": "kind"})

        def read(connection: Connection) -> TransferPage:
            which = Filter(
                kind=TransferKind[query.kind.upper()] if query.kind else None,
                account=_account(connection, query.key),
                since=_ms(query.since),
                until=_ms(query.until),
            )
            found = browse.transfers(connection, which, limit=limit, before=before)
            sides = {one.debit.id for one in found} | {one.credit.id for one in found}
            owners = key_lists.owners(connection, sides)
            told = [TransferInfo.of(one, owners) for one in found]
            return TransferPage(
                transfers=told, next_before=found[-1].id if len(found) == limit else None
            )

        return await self.db.read(read)

    async def tokens(
        self, status: str = "", key: str = "", before: int | None = None, limit: int = PAGE
    ) -> TokenPage:
        """List tokens that were given out; raises InvalidParameter, NoSuchKey."""
        if status and status not in TOKEN_STATES:
            raise InvalidParameter("There is no such status.", details={"param": "status"})

        def read(connection: Connection) -> TokenPage:
            account = _account(connection, key)
            page = papers.given_tokens(
                connection, status, account=account, limit=limit, before=before
            )
            owners = _owners(connection, (one.account for one in page.rows))
            told = [
                TokenInfo.of(
                    one, owners.get(one.account), by_operator=one.purpose == KEY_WITHDRAWAL
                )
                for one in page.rows
            ]
            return TokenPage(tokens=told, next_before=page.next_before)

        return await self.db.read(read)

    async def ask_mint(self, saga: int) -> TokenInfo:
        """Ask the mint whether a token was redeemed, and book it; raises RefundNotFound."""
        try:
            await self.claims.ask(saga)
        except (NoResultFound, ValueError):
            raise RefundNotFound from None
        page = await self.tokens(before=saga + 1, limit=1)
        return page.tokens[0]

    async def transactions(
        self, direction: str = "", status: str = "", before: int | None = None, limit: int = PAGE
    ) -> TransactionPage:
        """List what came in and went out as ecash."""
        kinds = _SAGAS.get(direction, _SAGAS["in"] + _SAGAS["out"])

        def read(connection: Connection) -> TransactionPage:
            page = papers.moved(connection, kinds, limit=limit, before=before)
            owners = _owners(connection, (one.account for one in page.rows))
            told = [TransactionInfo.of(one, owners.get(one.account)) for one in page.rows]
            kept = [one for one in told if status in ("", one.status)]
            return TransactionPage(transactions=kept, total=len(kept), next_before=page.next_before)

        return await self.db.read(read)

    async def invoices(
        self, query: InvoiceQuery, before: int | None = None, limit: int = PAGE
    ) -> InvoicePage:
        """List invoices; raises InvalidParameter."""
        if query.status not in _STATES:
            raise InvalidParameter("There is no such status.", details={"param": "status"})
        hashed = _payment_hash(query.search.strip())
        now = self.clock.now_ms()

        def read(connection: Connection) -> InvoicePage:
            page = papers.quotes(
                connection,
                states=_STATES[query.status],
                purpose=_PURPOSES.get(query.purpose, query.purpose),
                payment_hash=hashed,
                limit=limit,
                before=before,
            )
            owners = _owners(connection, (one.account for one in page.rows))
            told = [InvoiceInfo.of(one, owners.get(one.account), now) for one in page.rows]
            kept = [one for one in told if query.status in ("", one.status)]
            return InvoicePage(invoices=kept, total=len(kept), next_before=page.next_before)

        return await self.db.read(read)


def _account(connection: Connection, public_id: str) -> int | None:
    if not public_id:
        return None
    row = key_lists.one(connection, public_id)
    if row is None:
        raise NoSuchKey
    return row.account


def _owners(connection: Connection, accounts: Iterable[int | None]) -> dict[int | None, str]:
    named = {account for account in accounts if account is not None}
    return dict(key_lists.owners(connection, named).items()) if named else {}


def _payment_hash(text: str) -> bytes | None:
    if not text:
        return None
    try:
        if len(text) == 2 * _HASH_BYTES:
            return bytes.fromhex(text)
        return bolt11.decode(text).payment_hash
    except (InvalidInvoice, ValueError):
        raise InvalidParameter(
            "Search with a whole Lightning invoice or its payment hash.",
            details={"param": "search"},
        ) from None


def _ms(at: int | None) -> int | None:
    return None if at is None else at * _MS
