"""One key for people: what it has, what happened, and what can be done with it."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.books.desk import BooksDesk, TransferQuery
from routstr.admin.calls import new_call
from routstr.admin.keys.actions import KeyActions
from routstr.admin.keys.requests import Revoke, Rules
from routstr.admin.keys.schemas import KeyDetail, RevokeAnswer, WithdrawAnswer
from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.pages.fields import Fields, Turning, coming_day_end, last_day, plain_sat, sat
from routstr.admin.pages.keys import HERE, RESETS, Actions, call_of, limit_of
from routstr.admin.pages.transactions import Books
from routstr.errors import InvalidParameter, NoSuchKey, RoutstrError
from routstr.money import Msat
from routstr.theme.routes import PageRoute, form

_HISTORY: Final = 30
_DONE: Final = ("rules", "expired", "topup")
_SERVER_ERROR: Final = 500
_REFUNDS: Final = ("token", "lightning", "none")

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


@router.get("/{key}")
async def look(
    key: str, request: Request, signed: Operator, actions: Actions, books: Books
) -> Response:
    """Show a key."""
    return await _page(key, request, signed, actions, books)


@router.post("/{key}/withdraw")
async def withdraw(
    key: str, request: Request, signed: Operator, actions: Actions, books: Books
) -> Response:
    """Give its balance, or a part, out as a token. Sent again, it shows the same token."""
    fields = await form(request)
    try:
        amount = sat(fields, "amount")
        token = await actions.withdraw(call_of(fields), key, amount)
    except NoSuchKey:
        raise
    except RoutstrError as error:
        return await _page(key, request, signed, actions, books, at="withdraw", wrong=error)
    return await _page(key, request, signed, actions, books, token=token)


@router.post("/{key}/tokens/{saga}")
async def show_again(
    key: str, saga: int, request: Request, signed: Operator, actions: Actions, books: Books
) -> Response:
    """Show a token once more that was made here."""
    token = await actions.token_again(key, saga)
    return await _page(key, request, signed, actions, books, token=token)


@router.post("/{key}/topup")
async def top_up(
    key: str, request: Request, signed: Operator, actions: Actions, books: Books
) -> Response:
    """Credit it out of the operator's own money."""
    fields = await form(request)
    try:
        amount = sat(fields, "amount")
        await actions.top_up(call_of(fields), key, amount or Msat(0))
    except NoSuchKey:
        raise
    except RoutstrError as error:
        return await _page(key, request, signed, actions, books, at="topup", wrong=error)
    return _back(key, "topup")


@router.post("/{key}/rules")
async def set_rules(
    key: str, request: Request, signed: Operator, actions: Actions, books: Books
) -> Response:
    """Change its name, note, limit and end."""
    fields = await form(request)
    try:
        detail = await actions.desk.one(key)
        named: dict[str, object] = {
            "name": fields.get("name", "").strip() or None,
            **limit_of(fields),
        }
        if detail.parent is None:
            named["note"] = fields.get("note", "").strip() or None
        if fields.get("until", "") != last_day(detail.expires_at):
            named["validity_date"] = coming_day_end(fields, "until", actions.desk.clock.now_ms())
        await actions.change(key, Rules.model_validate(named))
    except NoSuchKey:
        raise
    except RoutstrError as error:
        return await _page(key, request, signed, actions, books, at="rules", wrong=error)
    return _back(key, "rules")


@router.post("/{key}/expire")
async def expire(key: str, _signed: Operator, actions: Actions) -> Response:
    """Let it expire now."""
    await actions.expire(key)
    return _back(key, "expired")


@router.post("/{key}/revoke")
async def revoke(
    key: str, request: Request, signed: Operator, actions: Actions, books: Books
) -> Response:
    """End it for good, and pay out what is on it."""
    fields = await form(request)
    wanted = fields.get("refund", "")
    try:
        if wanted not in _REFUNDS:
            raise InvalidParameter("Say where the balance goes.", details={"param": "refund"})
        how = Revoke.model_validate(
            {"refund": wanted, "lightning_address": fields.get("address", "").strip() or None}
        )
        done = await actions.revoke(call_of(fields), key, how)
    except NoSuchKey:
        raise
    except RoutstrError as error:
        return await _page(key, request, signed, actions, books, at="revoke", wrong=error)
    return await _page(key, request, signed, actions, books, token=done.token, revoked=done)


async def _page(  # noqa: PLR0913 - what the page shows
    key: str,
    request: Request,
    signed: Signed,
    actions: KeyActions,
    books: BooksDesk,
    *,
    at: str = "",
    wrong: RoutstrError | None = None,
    token: WithdrawAnswer | None = None,
    revoked: RevokeAnswer | None = None,
) -> Response:
    """The page; ``wrong`` is what went wrong ``at`` one of its forms."""
    detail = await actions.desk.one(key)
    turning = Turning(f"{HERE}/{key}", request.query_params, ())
    history = await books.transfers(
        TransferQuery(key=detail.parent or key), turning.before, _HISTORY
    )
    # an answer that never came leaves the name to the next try: nothing is done twice
    written = {} if wrong is None else await form(request)
    again = wrong is not None and wrong.status >= _SERVER_ERROR
    call = written.get("call", "") if again else ""
    done = request.query_params.get("done", "")
    return show(
        request,
        signed,
        "key.html",
        "keys",
        status=200 if wrong is None else wrong.status,
        key=detail,
        history=history.transfers,
        newer=turning.newer,
        older=turning.older(history.next_before),
        at_form=at,
        wrong=wrong,
        token=token,
        revoked=revoked,
        done=done if done in _DONE else "",
        call=call or new_call(),
        resets=RESETS,
        forms=_forms(detail, at, written),
    )


def _forms(key: KeyDetail, at: str, written: Fields) -> dict[str, Fields]:
    """What stands in the forms: what is so, and in the one that was refused what was written."""
    limit = key.limit
    forms: dict[str, Fields] = {
        "withdraw": {"amount": ""},
        "topup": {"amount": ""},
        "rules": {
            "name": key.name or "",
            "note": key.note or "",
            "limit": plain_sat(limit.cap) if limit and limit.cap else "",
            "reset": (limit and limit.reset) or "",
            "until": last_day(key.expires_at),
        },
        "revoke": {"refund": "token", "address": key.refund_address or ""},
    }
    if at in forms and written:
        forms[at] = {name: written.get(name, "") for name in forms[at]}
    return forms


def _back(key: str, done: str) -> Response:
    return RedirectResponse(f"{HERE}/{key}?done={done}", status_code=303)
