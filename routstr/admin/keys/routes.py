"""Routes of keys. Those that move money need the scope MONEY."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from routstr.admin.access import operator, private
from routstr.admin.calls import CallName
from routstr.admin.keys.actions import KeyActions
from routstr.admin.keys.desk import PAGE
from routstr.admin.keys.requests import (
    NewKey,
    Revoke,
    Rules,
    TopUp,
    Withdraw,
)
from routstr.admin.keys.schemas import (
    KeyDetail,
    KeyPage,
    MadeKey,
    RevokeAnswer,
    RulesAnswer,
    TemporaryBalances,
    TopUpAnswer,
    WithdrawAnswer,
)
from routstr.admin.scopes import Scope, needs
from routstr.auth.key_lists import Which
from routstr.core.late_route import LateRoute
from routstr.money import Msat, Unit

Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(ge=1, lt=2**63, description="next_before of the page before")]
Search = Annotated[str, Query(max_length=200, description="public id, name or note begins so")]


def _actions(request: Request) -> KeyActions:
    return cast("KeyActions", request.app.state.admin_keys)


Actions = Annotated[KeyActions, Depends(_actions)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(operator)],
)


@router.get("/apikeys")
async def list_keys(
    actions: Actions,
    which: Which = Which.ALL,
    search: Search = "",
    before: Before = None,
    limit: Limit = PAGE,
) -> KeyPage:
    """List keys, newest first."""
    return await actions.desk.page(which, search, before, limit)


@router.get("/temporary-balances")
async def temporary_balances(
    actions: Actions, search: Search = "", before: Before = None, limit: Limit = PAGE
) -> TemporaryBalances:
    """List keys as older clients know them; ``hashed_key`` is the public id."""
    return await actions.desk.temporary_balances(search, before, limit)


@router.post("/apikeys")
@needs(Scope.MONEY)
async def create_key(body: NewKey, actions: Actions, call: CallName) -> MadeKey:
    """Make a key, paid with a token or out of the operator's own money."""
    return await actions.create(call, body)


@router.get("/apikeys/{key}")
async def show_key(key: str, actions: Actions) -> KeyDetail:
    """Show a key, by its public id."""
    return await actions.desk.one(key)


@router.patch("/apikeys/{key}")
async def change_key(key: str, body: Rules, actions: Actions) -> RulesAnswer:
    """Change a key's limit, end, name or note."""
    await actions.change(key, body)
    detail = await actions.desk.one(key)
    return RulesAnswer(
        balance_limit=None if detail.limit is None else detail.limit.cap,
        balance_limit_reset=None if detail.limit is None else detail.limit.reset,
        validity_date=detail.expires_at,
        key=detail,
    )


@router.post("/apikeys/{key}/expire")
async def expire_key(key: str, actions: Actions) -> KeyDetail:
    """Let a key expire now."""
    await actions.expire(key)
    return await actions.desk.one(key)


@router.post("/apikeys/{key}/topup")
@needs(Scope.MONEY)
async def top_up_key(key: str, body: TopUp, actions: Actions, call: CallName) -> TopUpAnswer:
    """Credit a key out of the operator's own money."""
    return await actions.top_up(call, key, Msat(body.amount_msats))


@router.post("/apikeys/{key}/revoke")
@needs(Scope.MONEY)
async def revoke_key(key: str, body: Revoke, actions: Actions, call: CallName) -> RevokeAnswer:
    """End a key for good and pay out what is on it."""
    return await actions.revoke(call, key, body)


@router.post("/withdraw")
@needs(Scope.MONEY)
async def withdraw_from_key(body: Withdraw, actions: Actions, call: CallName) -> WithdrawAnswer:
    """Give a key's balance, or a part of it, out as a token."""
    unit = Unit(body.unit)
    amount = None if body.amount is None else unit.to_msat(body.amount)
    named = unit if body.amount is not None or "unit" in body.model_fields_set else None
    return await actions.withdraw(call, body.key, amount, body.mint_url, named)
