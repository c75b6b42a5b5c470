"""Routes of keys themselves: what they are called, their secrets, their child keys."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from routstr.auth.terms import from_headers
from routstr.balance.history import Histories
from routstr.balance.idempotency import Operation, RepeatableRoute
from routstr.balance.key_schemas import (
    ChangeRequest,
    ChildKeyRequest,
    ChildKeysAnswer,
    ChildKeysRequest,
    DonateRequest,
    Done,
    Info,
    RotateAnswer,
)
from routstr.balance.key_service import KeyService
from routstr.balance.parameters import Authorization, KeyExpiryTime, RefundLnurlHeader, private
from routstr.balance.schemas import History
from routstr.errors import InvalidParameter
from routstr.ledger.books import PAGE_MAX


def _service(request: Request) -> KeyService:
    return cast("KeyService", request.app.state.keys)


def _histories(request: Request) -> Histories:
    return cast("Histories", request.app.state.histories)


Keys = Annotated[KeyService, Depends(_service)]

router = APIRouter(tags=["balance"], dependencies=[Depends(private)], route_class=RepeatableRoute)


@router.get("/info")
@router.get("/", include_in_schema=False)
@router.get("", include_in_schema=False)
async def info(
    service: Keys,
    authorization: Authorization = None,
    key_expiry_time: KeyExpiryTime = None,
    refund_lnurl: RefundLnurlHeader = None,
) -> Info:
    """Show the key's balance and totals; a new token becomes a key, on the headers' terms."""
    return await service.info(authorization, from_headers(key_expiry_time, refund_lnurl))


@router.patch("/info")
@router.post("/metadata", include_in_schema=False)
async def change(
    body: ChangeRequest,
    service: Keys,
    authorization: Authorization = None,
    key_expiry_time: KeyExpiryTime = None,
    refund_lnurl: RefundLnurlHeader = None,
) -> Info:
    """Change what the key is called, when it expires, where its refund goes then."""
    headers = from_headers(key_expiry_time, refund_lnurl)
    return await service.change(authorization, body, headers)


@router.post("/rotate")
async def rotate(
    service: Keys, operation: Operation, authorization: Authorization = None
) -> RotateAnswer:
    """Give the account another key; the one that asks is unknown from then on.

    Send an `Idempotency-Key`, so that an answer that is lost can be asked for again.
    """
    return await service.rotate(authorization, operation)


@router.post("/child-key")
async def create_child_keys(
    body: ChildKeysRequest,
    service: Keys,
    operation: Operation,
    authorization: Authorization = None,
) -> ChildKeysAnswer:
    """Make child keys, which spend this key's balance inside limits of their own."""
    return await service.create_children(authorization, body, operation)


@router.post("/child-key/reset")
async def reset_child_key(
    body: ChildKeyRequest, service: Keys, authorization: Authorization = None
) -> Done:
    """Let the period of a child key's limit begin anew."""
    return await service.reset_child(authorization, body.child_key)


@router.post("/child-key/revoke")
async def revoke_child_key(
    body: ChildKeyRequest, service: Keys, authorization: Authorization = None
) -> Done:
    """End a child key, at once and for good."""
    return await service.revoke_child(authorization, body.child_key)


@router.post("/donate")
async def donate(
    service: Keys,
    body: DonateRequest | None = None,
    token: str | None = None,
    ref: str | None = None,
) -> str:
    """Give a token to the node; it is in the body or, less well, in the query."""
    given = body.token if body is not None else token
    if not given:
        raise InvalidParameter("A token is required.")
    return await service.donate(given, (body.ref if body is not None else None) or ref)


@router.get("/history")
async def history(
    histories: Annotated[Histories, Depends(_histories)],
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    authorization: Authorization = None,
) -> History:
    """List every transfer of the key's account, newest first."""
    return await histories.page(authorization, limit=limit, before=before)
