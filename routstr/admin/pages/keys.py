"""Keys for people: the list, and a new one by hand."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request, Response

from routstr.admin.calls import new_call
from routstr.admin.keys.actions import KeyActions
from routstr.admin.keys.requests import NewKey, ResetWord
from routstr.admin.keys.schemas import (
    MadeKey,
)
from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.pages.fields import Fields, Turning, coming_day_end, sat
from routstr.auth.key_lists import Which
from routstr.core.secret import Secret
from routstr.errors import InvalidParameter, RoutstrError
from routstr.payment.idempotency.repeats import checked_key
from routstr.theme.routes import PageRoute, form

HERE: Final = "/admin/keys"
RESETS: Final[tuple[ResetWord, ...]] = ("daily", "weekly", "monthly")

_WRITTEN: Final = ("funds", "token", "amount", "name", "note", "limit", "reset", "until")

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


def _actions(request: Request) -> KeyActions:
    return cast("KeyActions", request.app.state.admin_keys)


Actions = Annotated[KeyActions, Depends(_actions)]


@router.get("")
async def list_keys(request: Request, signed: Operator, actions: Actions) -> Response:
    """List keys, or those that are looked for."""
    fields = request.query_params
    search, word = fields.get("search", "").strip(), fields.get("which", Which.ALL)
    which = Which(word) if word in set(Which) else Which.ALL
    turning = Turning(HERE, fields, ("search", "which"))
    page = await actions.desk.page(which, search, turning.before)
    return show(
        request,
        signed,
        "keys.html",
        "keys",
        page=page,
        search=search,
        which=which.value,
        every=[one.value for one in Which],
        newer=turning.newer,
        older=turning.older(page.next_before),
    )


@router.get("/new")
async def ask_for_new(request: Request, signed: Operator) -> Response:
    """Ask what the new key shall be."""
    return _new(request, signed, {})


@router.post("/new")
async def make(request: Request, signed: Operator, actions: Actions) -> Response:
    """Make a key and show its secret. Sent again, the form shows the same one."""
    fields = await form(request)
    try:
        made = await actions.create(call_of(fields), _wanted(fields, actions.desk.clock.now_ms()))
    except RoutstrError as error:
        return _new(request, signed, fields, wrong=error)
    return _new(request, signed, {}, made=made)


def call_of(fields: Fields) -> str:
    """The name that a form carries; raises InvalidIdempotencyKey."""
    return checked_key(fields.get("call", ""))


def reset_of(fields: Fields) -> ResetWord | None:
    """How often a limit begins anew; raises InvalidParameter."""
    word = fields.get("reset", "")
    for known in RESETS:
        if word == known:
            return known
    if word:
        raise InvalidParameter("There is no such period.", details={"param": "reset"})
    return None


def limit_of(fields: Fields) -> dict[str, object]:
    """What may be spent, and how often that begins anew; raises InvalidParameter."""
    cap, reset = sat(fields, "limit"), reset_of(fields)
    if reset is not None and cap is None:
        raise InvalidParameter(
            "A limit that begins anew needs an amount.", details={"param": "limit"}
        )
    return {"balance_limit": cap, "balance_limit_reset": reset}


def _wanted(fields: Fields, now_ms: int) -> NewKey:
    token = "".join(fields.get("token", "").split()) if fields.get("funds") != "own" else ""
    return NewKey(
        initial_balance_token=Secret(token) if token else None,
        amount_msats=sat(fields, "amount") if fields.get("funds") == "own" else None,
        name=fields.get("name", "").strip() or None,
        note=fields.get("note", "").strip() or None,
        validity_date=coming_day_end(fields, "until", now_ms),
        **limit_of(fields),
    )


def _new(
    request: Request,
    signed: Signed,
    fields: Fields,
    *,
    wrong: RoutstrError | None = None,
    made: MadeKey | None = None,
) -> Response:
    # what was asked for under a name is not asked for differently under it
    return show(
        request,
        signed,
        "key_new.html",
        "keys",
        status=200 if wrong is None else wrong.status,
        fields={name: fields.get(name, "") for name in _WRITTEN},
        wrong=wrong,
        made=made,
        call=new_call() if wrong is None or wrong.status < 500 else fields["call"],  # noqa: PLR2004
        resets=RESETS,
    )
