"""Signed receipts of requests, and the newest seal of the node's log of transfers."""

from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from routstr.auth.service import Authenticator
from routstr.balance.parameters import Authorization, XCashuHeader, private
from routstr.balance.payers import known_payer
from routstr.core.late_route import LateRoute
from routstr.errors import NotFound, ReceiptNotFound
from routstr.payment.receipts import Receipts
from routstr.payment.x_cashu import XCashu

_ID_CHARS_MAX: Final = 64
_Hex64 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Signature = Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


class ReceiptCharge(BaseModel):
    """One charge; a conversation has one for each response."""

    transfer: int = Field(description="its id in the history")
    charged_msats: int
    charged_at_ms: int
    model: str
    endpoint: str
    input_tokens: int
    output_tokens: int
    estimated: bool = Field(description="the node counted, at least in part")
    price_version: int
    rates: str = Field(description="what was quoted: `r1` or `r2`, then 10^-12 msat a unit")
    seal: str | None = Field(description="digest of the seal that covers it; null: not sealed yet")


class ReceiptAnswer(BaseModel):
    """What a request was charged, signed by the node."""

    type: str
    version: int
    request_id: str
    charged_msats: int
    charges: list[ReceiptCharge]
    pubkey: _Hex64
    signature: _Signature


class SealAnswer(BaseModel):
    """The newest seal of the log, signed by the node."""

    type: str
    version: int
    digest: _Hex64
    sealed_at_ms: int
    pubkey: _Hex64
    signature: _Signature


class ReceiptDesk:
    """Gives receipts to those who paid."""

    def __init__(self, receipts: Receipts, auth: Authenticator, x_cashu: XCashu) -> None:
        self._receipts: Final = receipts
        self._auth: Final = auth
        self._x_cashu: Final = x_cashu

    async def receipt(
        self, request_id: str, authorization: str | None, x_cashu: str | None, before: int | None
    ) -> dict[str, Any]:
        """Find whose it is: a key's, a child key's own, or a payment's by the token that paid."""
        if authorization is None and x_cashu:
            account = await self._x_cashu.account_of(x_cashu)
            if account is None:
                raise ReceiptNotFound
            return await self._receipts.receipt(account, request_id, before=before)
        payer = await known_payer(self._auth, authorization)
        limit = None if payer.mark is None else payer.mark.limit
        if payer.is_child and limit is None:
            raise ReceiptNotFound
        return await self._receipts.receipt(
            payer.account, request_id, limit=limit if payer.is_child else None, before=before
        )

    async def seal(self) -> dict[str, Any]:
        """The newest seal. Raises ``NotFound`` before the first."""
        found = await self._receipts.newest_seal()
        if found is None:
            raise NotFound("Nothing is sealed yet.")
        return found


def _desk(request: Request) -> ReceiptDesk:
    return cast("ReceiptDesk", request.app.state.receipts)


Desk = Annotated[ReceiptDesk, Depends(_desk)]

router = APIRouter(route_class=LateRoute, tags=["receipts"], dependencies=[Depends(private)])


@router.get("/v1/receipts/{request_id}", response_model=ReceiptAnswer)
async def receipt(
    desk: Desk,
    request_id: Annotated[str, Path(max_length=_ID_CHARS_MAX)],
    before: Annotated[
        int | None,
        Query(
            ge=1,
            lt=2**63,
            description="search charges below this transfer's id; default the newest 5000",
        ),
    ] = None,
    authorization: Authorization = None,
    x_cashu: XCashuHeader = None,
) -> dict[str, Any]:
    """Prove what a request was charged: its `x-routstr-request-id`, with the key that paid for it.

    With `X-Cashu`: the token that paid for the request.
    """
    return await desk.receipt(request_id, authorization, x_cashu, before)


@router.get("/v1/seal", response_model=SealAnswer)
async def seal(desk: Desk) -> dict[str, Any]:
    """Show the newest seal of the node's log of transfers, signed."""
    return await desk.seal()
