"""What single requests were charged, found by the request's id among an account's charges."""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.money import Msat

SEARCHED_MAX: Final = 5_000
"""How many charges of an account are looked through, newest first."""
_LAST_ID: Final = (1 << 63) - 1
_FOUND_MAX: Final = 1_000
"""A conversation is one request with a charge for each response."""
_CHARGES: Final = """
SELECT t.id, t.amount, t.created_at, h.model, h.endpoint, h.prompt_tokens, h.completion_tokens,
       h.estimated, h.price_version, h.rates
FROM (SELECT id, amount, created_at, reference FROM transfers
      WHERE debit = :account AND kind = 2 AND id < :before ORDER BY id DESC LIMIT :searched) t
JOIN holds h ON h.id = t.reference
WHERE h.request_id = :request_id {and_limit} ORDER BY t.id LIMIT :found
"""


class Charge(Struct, frozen=True):
    """One charge, and what it was for. ``at`` is in ms since 1970."""

    transfer: int
    amount: Msat
    at: int
    model: str
    endpoint: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    price_version: int
    rates: str


def charges_of(
    connection: Connection,
    account: int,
    request_id: str,
    *,
    limit: int | None = None,
    before: int | None = None,
) -> list[Charge]:
    """List what a request was charged to an account, the oldest first; nothing: not found.

    ``limit``: only what counts against this limit, that of a child key. ``before``: the search
    begins with the charges whose transfers have lower ids.
    """
    query = _CHARGES.format(and_limit="" if limit is None else "AND h.limit_id = :limit")
    values = {
        "account": account,
        "request_id": request_id,
        "before": before or _LAST_ID,
        "searched": SEARCHED_MAX,
        "found": _FOUND_MAX,
    }
    rows = connection.execute(text(query), values if limit is None else {**values, "limit": limit})
    return [
        Charge(
            transfer=row[0],
            amount=Msat(row[1]),
            at=row[2],
            model=row[3],
            endpoint=row[4],
            prompt_tokens=row[5],
            completion_tokens=row[6],
            estimated=bool(row[7]),
            price_version=row[8],
            rates=row[9],
        )
        for row in rows
    ]
