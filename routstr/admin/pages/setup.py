"""The first run, for people: from the link on the console to a node that sells."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.access import visit
from routstr.admin.first_run import SETUP
from routstr.admin.pages.door import LOGIN, Operator, Signed, give_cookie, show, signed_in
from routstr.admin.setup.desk import SetupDesk
from routstr.admin.setup.mint_check import MintReport, MintUnfit
from routstr.admin.setup.provider_check import ProviderReport, ProviderUnfit
from routstr.admin.setup.steps import Step
from routstr.core.secret import Secret
from routstr.errors import AdminError, RoutstrError, SettingsInvalid
from routstr.theme.routes import PageRoute, form, theme_of

router = APIRouter(prefix=SETUP, route_class=PageRoute, include_in_schema=False)


def _desk(request: Request) -> SetupDesk:
    return cast("SetupDesk", request.app.state.setup)


Desk = Annotated[SetupDesk, Depends(_desk)]


async def page(
    request: Request,
    signed: Signed,
    step: Step,
    status: int = 200,
    **shown: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    """The page of a step."""
    desk = _desk(request)
    return show(
        request,
        signed,
        f"setup/{step}.html",
        status=status,
        step=step,
        steps=list(Step),
        passed=await desk.progress.passed(),
        following=step.after,
        desk=desk,
        settings=desk.settings,
        **{"wrong": "", "problems": {}, "fields": {}, **shown},
    )


def onward(step: Step | None) -> Response:
    """To a step, or to the overview."""
    return RedirectResponse("/admin" if step is None else f"{SETUP}/{step}", status_code=303)


@router.get("")
async def begin(request: Request, desk: Desk) -> Response:
    """Ask for the first password, or go on where the operator was."""
    if not await desk.first_run.passwords.set_up():
        return _first(request, desk, request.query_params.get("code", ""))
    await signed_in(request)
    return onward(await desk.step())


@router.post("/password")
async def set_password(request: Request, desk: Desk) -> Response:
    """Store the first password and sign in."""
    fields = await form(request)
    code, password = fields.get("code", ""), Secret(fields.get("password", ""))
    try:
        token = await desk.first_run.begin(code, password, visit(request))
    except AdminError as error:
        if await desk.first_run.passwords.set_up():
            return RedirectResponse(LOGIN, status_code=303)
        return _first(request, desk, code, error)
    response = onward(Step.NODE)
    give_cookie(request, response, token)
    return response


@router.post("/later")
async def leave(_signed: Operator, desk: Desk) -> Response:
    """Leave out what is not done: everything is found in the settings as well."""
    await desk.pass_by(*Step)
    return onward(None)


@router.get("/node")
async def node(request: Request, signed: Operator) -> Response:
    """Ask for name and description."""
    return await page(request, signed, Step.NODE)


@router.get("/mints")
async def mints(request: Request, signed: Operator) -> Response:
    """Ask for mints."""
    return await page(request, signed, Step.MINTS, report=None)


@router.get("/provider")
async def provider(request: Request, signed: Operator) -> Response:
    """Ask for a provider."""
    return await _provider(request, signed)


@router.get("/margin")
async def margin(request: Request, signed: Operator) -> Response:
    """Ask for the margin."""
    return await page(request, signed, Step.MARGIN)


@router.get("/payout")
async def payout(request: Request, signed: Operator) -> Response:
    """Ask where profit goes."""
    return await page(request, signed, Step.PAYOUT)


@router.post("/{step}/skip")
async def skip(_signed: Operator, desk: Desk, step: Step) -> Response:
    """Leave a step out."""
    await desk.pass_by(step)
    return onward(step.after)


@router.post("/node")
async def save_node(request: Request, signed: Operator, desk: Desk) -> Response:
    """Store name and description."""
    fields = await form(request)
    values = {name: fields.get(name) or None for name in ("name", "description")}
    return await _saved(request, signed, Step.NODE, fields, desk.save(Step.NODE, values))


@router.post("/margin")
async def save_margin(request: Request, signed: Operator, desk: Desk) -> Response:
    """Store the margin."""
    fields = await form(request)
    saving = desk.set_margin(fields.get("margin", ""))
    return await _saved(request, signed, Step.MARGIN, fields, saving)


@router.post("/payout")
async def save_payout(request: Request, signed: Operator, desk: Desk) -> Response:
    """Store the Lightning address."""
    fields = await form(request)
    values = {"receive_ln_address": fields.get("address") or None}
    return await _saved(request, signed, Step.PAYOUT, fields, desk.save(Step.PAYOUT, values))


@router.post("/mints")
async def change_mints(request: Request, signed: Operator, desk: Desk) -> Response:
    """Look at a mint, take it, leave it."""
    fields = await form(request)
    url, wish = fields.get("url", ""), fields.get("do", "check")
    report: MintReport | None = None
    try:
        if wish == "remove":
            await desk.leave_mint(url)
        else:
            report = await desk.look_at_mint(url)
            if wish == "use":
                await desk.use_mint(report.url)
                await desk.pass_by(Step.MINTS)
    except MintUnfit as error:
        shown = {"unfit": error.reason, "detail": error.detail, "fields": fields}
        return await page(request, signed, Step.MINTS, 400, report=None, **shown)
    except SettingsInvalid as error:
        shown = {"wrong": error.message, "fields": fields}
        return await page(request, signed, Step.MINTS, error.status, report=report, **shown)
    if wish == "check":
        return await page(request, signed, Step.MINTS, report=report, fields=fields)
    return onward(Step.MINTS)


@router.post("/provider")
async def change_provider(request: Request, signed: Operator, desk: Desk) -> Response:
    """Look at a provider and take it; ``do=anyway`` takes it unseen."""
    fields = await form(request)
    kind, url, key = (fields.get(name, "").strip() for name in ("kind", "base_url", "api_key"))
    report: ProviderReport | None = None
    try:
        if fields.get("do") != "anyway":
            report = await desk.look_at_provider(kind, url, Secret(key))
        await desk.use_provider(kind, url, Secret(key))
    except ProviderUnfit as error:
        shown = {"unfit": error.reason, "detail": error.detail, "fields": fields}
        return await _provider(request, signed, 400, **shown)
    except AdminError as error:
        return await _provider(request, signed, error.status, wrong=error.message, fields=fields)
    return await _provider(request, signed, report=report, added=True)


async def _provider(
    request: Request,
    signed: Signed,
    status: int = 200,
    **shown: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    desk = _desk(request)
    usual = {
        "unfit": "",
        "detail": "",
        "report": None,
        "added": False,
        "known": await desk.known_providers(),
        "types": desk.provider_types(),
    }
    return await page(request, signed, Step.PROVIDER, status, **{**usual, **shown})


async def _saved(
    request: Request,
    signed: Signed,
    step: Step,
    fields: dict[str, str],
    saving: Any,  # noqa: ANN401
) -> Response:
    """On to the next step, or the same one with what is wrong."""
    try:
        await saving
    except SettingsInvalid as error:
        shown = {"wrong": error.message, "problems": error.problems, "fields": fields}
        return await page(request, signed, step, error.status, **shown)
    return onward(step.after)


def _first(
    request: Request, desk: SetupDesk, code: str, error: RoutstrError | None = None
) -> Response:
    """Ask for the first password, or say where the link is."""
    known = desk.first_run.knows(code)
    template = "admin/setup/password.html" if known else "admin/setup/link.html"
    return theme_of(request).page(
        request,
        template,
        status=200 if error is None else error.status,
        code=code if known else "",
        given=bool(code),
        error=error,
    )
