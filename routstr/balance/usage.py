"""What a key spent lately, by day and model, and all of its transfers as a table to keep."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from routstr.auth.service import Authenticator
from routstr.balance.history import Histories
from routstr.balance.parameters import Authorization, private
from routstr.balance.payers import owner
from routstr.balance.schemas import History
from routstr.core.db import Database
from routstr.core.late_route import LateRoute
from routstr.ledger.books import PAGE_MAX
from routstr.ledger.spending import spending

_NOT_A_CHILD: Final = "A child key has no list of what was spent. Ask with its parent."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = (
    "id", "created_at", "kind", "source", "amount_msat", "balance_after_msat", "model",
    "description", "request_id", "reference", "mint_url",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for one at the beginning of a text."""


class Used(BaseModel):
    """What was charged on one day for one model."""

    date: str = Field(description="YYYY-MM-DD in UTC")
    model: str | None = Field(description="null: the record of the request is not there any more")
    requests: int
    input_tokens: int
    output_tokens: int
    cost_msats: int


class UsageAnswer(BaseModel):
    """The newest charges, added up; the latest day first, and the dearest model of each."""

    data: list[Used]
    charges: int = Field(description="how many were added up")
    complete: bool = Field(description="false: there are older ones, in the history")


class Usages:
    """Adds charges up."""

    def __init__(self, db: Database, auth: Authenticator) -> None:
        self._db = db
        self._auth = auth

    async def lately(self, authorization: str | None) -> UsageAnswer:
        """What a key and its child keys spent."""
        payer = await owner(self._auth, authorization, _NOT_A_CHILD)
        found = await self._db.read(lambda c: spending(c, payer.account))
        return UsageAnswer(
            data=[
                Used(
                    date=(_EPOCH + timedelta(days=one.day)).date().isoformat(),
                    model=one.model,
                    requests=one.requests,
                    input_tokens=one.prompt_tokens,
                    output_tokens=one.completion_tokens,
                    cost_msats=int(one.amount),
                )
                for one in found.spent
            ],
            charges=found.charges,
            complete=found.complete,
        )


def _usages(request: Request) -> Usages:
    return cast("Usages", request.app.state.usages)


def _histories(request: Request) -> Histories:
    return cast("Histories", request.app.state.histories)


router = APIRouter(route_class=LateRoute, tags=["balance"], dependencies=[Depends(private)])


@router.get("/usage")
async def usage(
    usages: Annotated[Usages, Depends(_usages)], authorization: Authorization = None
) -> UsageAnswer:
    """Show what the key spent lately, by day and model: its newest 5000 charges."""
    return await usages.lately(authorization)


@router.get(
    "/history.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def history_as_csv(
    histories: Annotated[Histories, Depends(_histories)], authorization: Authorization = None
) -> StreamingResponse:
    """Give every transfer of the key's account as a table, newest first."""
    first = await histories.page(authorization, limit=PAGE_MAX, before=None)
    return StreamingResponse(
        _lines(histories, authorization, first),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="history.csv"',
            "Cache-Control": "no-store",
        },
    )


async def _lines(
    histories: Histories, authorization: str | None, page: History
) -> AsyncIterator[bytes]:
    """Write one page after the other, each read when the client has taken the one before."""
    yield _written([_COLUMNS])
    while True:
        yield _written(_rows(page))
        if page.next_before is None:
            return
        page = await histories.page(authorization, limit=PAGE_MAX, before=page.next_before)


def _rows(page: History) -> list[tuple[object, ...]]:
    return [
        (
            one.id,
            datetime.fromtimestamp(one.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            one.kind,
            one.source,
            one.amount,
            one.balance_after,
            _harmless(one.model),
            _harmless(one.description),
            one.request_id,
            one.reference,
            one.mint_url,
        )
        for one in page.transactions
    ]


def _harmless(text: str | None) -> str | None:
    return f"'{text}" if text is not None and text.startswith(_FORMULA) else text


def _written(rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
