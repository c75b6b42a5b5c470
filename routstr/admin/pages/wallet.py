"""The wallet for people: what is where, what moves, taking out what is one's own, checking."""

import re
import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.pages.fields import page_id
from routstr.admin.wallet.actions import WalletActions
from routstr.admin.wallet.endpoints import Actions, Before, Desk
from routstr.admin.wallet.schemas import (
    MoveRequest,
    PayoutRequest,
    ReleaseRequest,
    TakeOut,
    VerificationAnswer,
)
from routstr.errors import RedemptionPending, RequestError, RoutstrError
from routstr.theme.routes import PageRoute, form

HERE: Final = "/admin/wallet"
_AREA: Final = "wallet"
_NOT_A_LETTER: Final = re.compile("[^a-z0-9]+")
Number = Annotated[int, Path(ge=1, lt=2**63)]

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


async def _fields(request: Request) -> dict[str, str]:
    """What was filled in: fields that were left empty are left out."""
    given = await form(request)
    return {name: value.strip() for name, value in given.items() if value.strip()}


Fields = Annotated[dict[str, str], Depends(_fields)]


class Unreadable(RequestError):
    """An amount is a whole number above zero, without a unit."""


def _asked(kind: type[BaseModel], fields: dict[str, str]) -> Any:  # noqa: ANN401 - of this kind
    """Read a form as a request. Raises :class:`Unreadable`."""
    named = {name: fields[name] for name in kind.model_fields if name in fields}
    try:
        return kind.model_validate_strings(named)
    except ValidationError:
        raise Unreadable from None


@router.get("")
async def look(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show the mints. What is owed where may take a moment: it is fetched by a second request."""
    patient = "owed" in request.query_params
    open_sagas = await desk.open_sagas()
    return show(
        request,
        signed,
        "wallet/mints.html",
        _AREA,
        wallet=await desk.overview(patient=patient),
        open_sagas=len(open_sagas.sagas),
        operation=secrets.token_hex(),
        tidied=request.query_params.get("tidied"),
        given=request.query_params.get("given"),
    )


@router.get("/mints")
async def look_at_mints(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show only the mints, with what is owed where."""
    return show(request, signed, "wallet/mints_part.html", _AREA, wallet=await desk.overview())


@router.post("/tidy")
async def tidy(signed: Operator, actions: Actions) -> Response:  # noqa: ARG001 - it lets in
    """Renew proofs that are many or old."""
    done = await actions.tidy()
    return RedirectResponse(f"{HERE}?tidied={done.swaps}", status_code=303)


@router.post("/recovered")
async def give(signed: Operator, actions: Actions, fields: Fields) -> Response:  # noqa: ARG001
    """Give away what was found beside the books."""
    given = await actions.release(_asked(ReleaseRequest, fields))
    return RedirectResponse(f"{HERE}?given={given.moved_msat}", status_code=303)


@router.get("/sagas")
async def sagas(request: Request, signed: Operator, desk: Desk, before: Before = None) -> Response:
    """Show movements: the open ones first, then the newest."""
    return await _sagas(request, signed, desk, before, None)


@router.post("/sagas/resolve")
async def resolve_all(request: Request, signed: Operator, desk: Desk, actions: Actions) -> Response:
    """Ask about all open movements, and tell what became of them."""
    return await _sagas(request, signed, desk, None, await actions.resolve())


@router.post("/sagas/{saga}/resolve")
async def resolve(
    request: Request, signed: Operator, desk: Desk, actions: Actions, saga: Number
) -> Response:
    """Ask about one, and tell what became of it."""
    return await _sagas(request, signed, desk, None, await actions.resolve(saga))


async def _sagas(
    request: Request, signed: Signed, desk: Desk, before: int | None, answers: object
) -> Response:
    return show(
        request,
        signed,
        "wallet/sagas.html",
        _AREA,
        waiting=await desk.open_sagas() if before is None else None,
        listed=await desk.sagas(before),
        before=before,
        answers=answers,
    )


@router.get("/out")
async def out(request: Request, signed: Operator, actions: Actions) -> Response:
    """Show what can be taken out, and what was."""
    return await _out(request, signed, actions)


async def _out(
    request: Request,
    signed: Signed,
    actions: WalletActions,
    *,
    at: str = "",
    wrong: RoutstrError | None = None,
    fields: dict[str, str] | None = None,
) -> Response:
    """``wrong`` is what went wrong ``at`` one of the forms, which keeps what was filled in."""
    desk, query = actions.desk, request.query_params
    return show(
        request,
        signed,
        "wallet/out.html",
        _AREA,
        status=200 if wrong is None else wrong.status,
        wallet=await desk.overview(patient=False),
        payouts=await desk.list_payouts(page_id(query.get("before", ""))),
        moves=await desk.moves(),
        address=actions.address,
        source=query.get("from", ""),
        operation=secrets.token_hex(),
        at=at,
        wrong=wrong,
        unreadable=isinstance(wrong, Unreadable),
        fields=fields or {},
    )


@router.post("/withdraw")
async def withdraw(
    request: Request, signed: Operator, actions: Actions, fields: Fields
) -> Response:
    """Make a token; it is shown on a page of its own, as often as that is looked at."""
    try:
        saga = await _taken_out(actions, _asked(TakeOut, fields))
    except RoutstrError as error:
        return await _out(request, signed, actions, at="token", wrong=error, fields=fields)
    return RedirectResponse(f"{HERE}/withdrawals/{saga}", status_code=303)


async def _taken_out(actions: WalletActions, wanted: TakeOut) -> int:
    """Return the saga of a token that is there, or comes when its mint has answered."""
    try:
        return (await actions.withdraw(wanted)).saga
    except RedemptionPending:
        if (begun := await actions.begun(wanted)) is None:
            raise
        return begun


@router.get("/withdrawals/{saga}")
async def token(request: Request, signed: Operator, desk: Desk, saga: Number) -> Response:
    """Show a token that was taken out, or that its mint has not confirmed it yet."""
    try:
        taken = await desk.token(saga)
    except RedemptionPending:
        taken = None
    return show(request, signed, "wallet/token.html", _AREA, taken=taken, saga=saga)


@router.post("/payouts")
async def pay_out(request: Request, signed: Operator, actions: Actions, fields: Fields) -> Response:
    """Pay out over Lightning."""
    try:
        payout = await actions.pay_out(_asked(PayoutRequest, fields))
    except RoutstrError as error:
        return await _out(request, signed, actions, at="payout", wrong=error, fields=fields)
    return RedirectResponse(f"{HERE}/payouts/{payout.saga}", status_code=303)


@router.get("/payouts/{saga}")
async def payout(request: Request, signed: Operator, desk: Desk, saga: Number) -> Response:
    """Show what became of a payout."""
    found = await desk.payout(saga)
    movement = await desk.saga(saga)
    return show(request, signed, "wallet/payout.html", _AREA, payout=found, movement=movement)


@router.post("/moves")
async def move(request: Request, signed: Operator, actions: Actions, fields: Fields) -> Response:
    """Move ecash to another mint."""
    try:
        moved = await actions.move(_asked(MoveRequest, fields))
    except RoutstrError as error:
        return await _out(request, signed, actions, at="move", wrong=error, fields=fields)
    return RedirectResponse(f"{HERE}/out?moved={moved.id}#moves", status_code=303)


@router.get("/check")
async def check(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show the equations as they were found last."""
    return show(request, signed, "wallet/check.html", _AREA, **_checked(desk.verification()))


@router.get("/check/part")
async def check_part(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show only these."""
    found = _checked(desk.verification())
    return show(request, signed, "wallet/check_part.html", _AREA, **found)


@router.post("/check")
async def verify(signed: Operator, actions: Actions, fields: Fields) -> Response:  # noqa: ARG001
    """Begin to verify."""
    actions.verify(full="full" in fields)
    return RedirectResponse(f"{HERE}/check", status_code=303)


def _checked(found: VerificationAnswer) -> dict[str, Any]:
    """The equations, each with the name of its text."""
    named = [(_NOT_A_LETTER.sub("_", one.name.lower()), one) for one in found.checks]
    return {"found": found, "checks": sorted(named, key=lambda one: one[1].holds)}
