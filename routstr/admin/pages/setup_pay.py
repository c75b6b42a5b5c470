"""The first paid request, for people: pay an invoice or paste a token, ask, take back the rest."""

from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.first_run import SETUP
from routstr.admin.pages.door import Operator, Signed
from routstr.admin.pages.setup import page
from routstr.admin.setup.desk import SetupDesk
from routstr.admin.setup.first_payment import (
    SATS_USUAL,
    FirstPayment,
    Invoice,
    PaymentProblem,
    Progress,
)
from routstr.admin.setup.steps import Step
from routstr.core.https import secure_cookies
from routstr.theme.routes import PageRoute, form, is_part, theme_of

HERE: Final = f"{SETUP}/pay"
_COOKIE: Final = "routstr_first_invoice"
_COOKIE_SECONDS: Final = 86_400
_FIELDS: Final = 5

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


def _payment(request: Request) -> FirstPayment:
    return cast("SetupDesk", request.app.state.setup).payment


Payment = Annotated[FirstPayment, Depends(_payment)]


@router.get("")
async def look(request: Request, signed: Operator, payment: Payment) -> Response:
    """Offer two ways to pay; with an invoice in hand, show it."""
    invoice = _invoice(request)
    if invoice is None:
        return await _page(request, signed, payment)
    try:
        progress = await payment.progress(invoice.id)
    except PaymentProblem as problem:
        return _forget(await _page(request, signed, payment, wrong=str(problem)))
    return await _page(request, signed, payment, invoice=invoice, progress=progress)


@router.post("/invoice")
async def order(request: Request, signed: Operator, payment: Payment) -> Response:
    """Make an invoice and show it."""
    fields = await form(request)
    sats = fields.get("sats", "")
    address = "" if request.client is None else request.client.host
    try:
        invoice = await payment.invoice(int(sats) if sats.isdecimal() else 0, address)
    except PaymentProblem as problem:
        return await _page(request, signed, payment, 400, wrong=str(problem))
    response = RedirectResponse(HERE, status_code=303)
    response.set_cookie(
        _COOKIE, _cookie(invoice), max_age=_COOKIE_SECONDS, path=HERE, httponly=True,
        secure=secure_cookies(request.scope), samesite="strict",
    )  # fmt: skip
    return response


@router.post("/forget")
async def forget(_signed: Operator) -> Response:
    """Show the two ways again."""
    return _forget(RedirectResponse(HERE, status_code=303))


@router.get("/state")
async def state(request: Request, _signed: Operator, payment: Payment) -> Response:
    """Show how far the invoice is: a part of the page, asked for again and again."""
    invoice = _invoice(request)
    progress = Progress("expired", None)
    if invoice is not None:
        try:
            progress = await payment.progress(invoice.id)
        except PaymentProblem:
            progress = Progress("pending", None)
    if not is_part(request):
        return RedirectResponse(HERE, status_code=303)
    if progress.key is not None:
        return Response(headers={"HX-Redirect": HERE})
    return theme_of(request).page(request, "admin/setup/pay_state.html", progress=progress)


@router.post("/request")
async def ask(request: Request, signed: Operator, payment: Payment) -> Response:
    """Make the paid request, with the key of the invoice or of a token."""
    fields = await form(request)
    invoice = _invoice(request)
    try:
        key = fields.get("key", "")
        if token := fields.get("token", "").strip():
            key = await payment.redeem(token)
        elif not key and invoice is not None:
            key = (await payment.progress(invoice.id)).key or ""
    except PaymentProblem as problem:
        return await _page(request, signed, payment, 400, wrong=str(problem))
    if not key:
        return RedirectResponse(HERE, status_code=303)
    try:
        paid = await payment.ask(key, fields.get("model", ""))
    except PaymentProblem as problem:
        return await _page(request, signed, payment, 400, key=key, wrong=str(problem))
    await cast("SetupDesk", request.app.state.setup).pass_by(*Step)
    return _forget(await _page(request, signed, payment, paid=paid))


@router.post("/refund")
async def give_back(request: Request, signed: Operator, payment: Payment) -> Response:
    """Give back what is left on the key."""
    key = (await form(request)).get("key", "")
    try:
        refund = await payment.give_back(key)
    except PaymentProblem as problem:
        return await _page(request, signed, payment, 400, key=key, wrong=str(problem))
    return await _page(request, signed, payment, refund=refund)


async def _page(
    request: Request,
    signed: Signed,
    payment: FirstPayment,
    status: int = 200,
    **shown: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    models = await payment.models()
    usual = {
        "invoice": None,
        "progress": None,
        "paid": None,
        "refund": None,
        "key": "",
        "models": models,
        "sats": SATS_USUAL,
    }
    return await page(request, signed, Step.PAY, status, **{**usual, **shown})


def _cookie(invoice: Invoice) -> str:
    """The invoice as the browser keeps it; its id is what nobody else has."""
    parts = (invoice.id, invoice.bolt11, invoice.sats, invoice.expires_at, invoice.mint)
    return "|".join(map(str, parts))


def _invoice(request: Request) -> Invoice | None:
    parts = request.cookies.get(_COOKIE, "").split("|")
    if len(parts) != _FIELDS or not (parts[2].isdecimal() and parts[3].isdecimal()):
        return None
    return Invoice(parts[0], parts[1], int(parts[2]), int(parts[3]), parts[4])


def _forget(response: Response) -> Response:
    response.delete_cookie(_COOKIE, path=HERE)
    return response
