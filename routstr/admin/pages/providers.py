"""Providers for people: who serves, how each fares, and everything that can be done with one."""

from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.pages.models import places
from routstr.admin.pages.provider_form import FIELDS, SECONDS, said, values_of
from routstr.admin.schemas import ProviderChange, ProviderCreate
from routstr.admin.selling.endpoints import Board
from routstr.admin.selling.providers import Probe, ProviderBoard
from routstr.core.secret import Secret
from routstr.errors import ProviderNotFound, RoutstrError
from routstr.theme.routes import PageRoute, form, is_part

HERE: Final = "/admin/providers"
_AREA: Final = "providers"
_DONE: Final = ("added", "saved", "on", "off", "key_added", "key_removed", "reset")

Number = Annotated[int, Path(ge=1, le=1_000)]
router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


async def _read(request: Request) -> dict[str, str]:
    """What was filled in."""
    return {name: value.strip() for name, value in (await form(request)).items()}


Fields = Annotated[dict[str, str], Depends(_read)]


@router.get("")
async def list_providers(request: Request, signed: Operator, board: Board) -> Response:
    """List them."""
    return show(
        request,
        signed,
        "providers/list.html",
        _AREA,
        every=await board.every(),
        types=_types(board),
        places=places,
        decimal=Decimal,
        removed=request.query_params.get("removed", ""),
    )


@router.get("/new")
async def ask_for_new(request: Request, signed: Operator, board: Board) -> Response:
    """Ask what the new one is."""
    return _new(request, signed, board, {})


@router.post("/new")
async def add(request: Request, signed: Operator, board: Board, fields: Fields) -> Response:
    """Add one; it is used at once."""
    try:
        told = {**said(fields), "provider_type": fields.get("provider_type", "")}
        key = fields.get("api_key", "")
        wanted = ProviderCreate.model_validate({**told, "api_keys": [Secret(key)] if key else []})
        added = await board.desk.add(wanted)
    except RoutstrError as error:
        return _new(request, signed, board, fields, error)
    return RedirectResponse(f"{HERE}/{added.slug}?done=added", status_code=303)


@router.get("/{provider}")
async def look(request: Request, signed: Operator, board: Board, provider: str) -> Response:
    """Show one."""
    return await _page(request, signed, board, provider)


@router.post("/{provider}")
async def save(
    request: Request, signed: Operator, board: Board, provider: str, fields: Fields
) -> Response:
    """Change it; keys are apart."""
    try:
        before = await board.servers.providers.get(provider)
        wanted = ProviderChange.model_validate(said(fields, before))
        changed = await board.desk.change(provider, wanted)
    except ProviderNotFound:
        raise
    except RoutstrError as error:
        return await _page(request, signed, board, provider, at="edit", wrong=error, typed=fields)
    return _back(changed.slug, "saved")


@router.post("/{provider}/switch")
async def switch(_signed: Operator, board: Board, provider: str, fields: Fields) -> Response:
    """Switch it on or off."""
    on = fields.get("enabled") == "1"
    await board.desk.change(provider, ProviderChange(enabled=on))
    return _back(provider, "on" if on else "off")


@router.post("/{provider}/keys")
async def add_key(
    request: Request, signed: Operator, board: Board, provider: str, fields: Fields
) -> Response:
    """Use another key as well."""
    try:
        await board.add_key(provider, Secret(fields.get("api_key", "")))
    except ProviderNotFound:
        raise
    except RoutstrError as error:
        return await _page(request, signed, board, provider, at="keys", wrong=error)
    return _back(provider, "key_added")


@router.post("/{provider}/keys/{number}/remove")
async def remove_key(
    request: Request,
    signed: Operator,
    board: Board,
    provider: str,
    number: Number,
    fields: Fields,
) -> Response:
    """Use a key no more."""
    seen = fields.get("version", "")
    try:
        version = int(seen) if seen.isascii() and seen.isdecimal() else 0
        await board.remove_key(provider, number, version)
    except ProviderNotFound:
        raise
    except RoutstrError as error:
        return await _page(request, signed, board, provider, at="keys", wrong=error)
    return _back(provider, "key_removed")


@router.post("/{provider}/test")
async def test(request: Request, signed: Operator, board: Board, provider: str) -> Response:
    """Ask it for its list, and a word with each key."""
    probe = await board.probe(provider)
    if is_part(request):
        return show(request, signed, "providers/probe.html", probe=probe, places=places)
    return await _page(request, signed, board, provider, probe=probe)


@router.post("/{provider}/reset")
async def reset(_signed: Operator, board: Board, provider: str) -> Response:
    """Ask it again at once."""
    await board.reset(provider)
    return _back(provider, "reset")


@router.post("/{provider}/remove")
async def remove(_signed: Operator, board: Board, provider: str) -> Response:
    """Forget it."""
    await board.desk.remove(provider)
    return RedirectResponse(f"{HERE}?removed={provider}", status_code=303)


def _types(board: ProviderBoard) -> dict[str, str]:
    return {one.id: one.name for one in board.desk.types()}


def _new(
    request: Request,
    signed: Signed,
    board: ProviderBoard,
    fields: dict[str, str],
    wrong: RoutstrError | None = None,
) -> Response:
    """The form; the key is asked for again."""
    return show(
        request,
        signed,
        "providers/new.html",
        _AREA,
        status=200 if wrong is None else wrong.status,
        types=board.desk.types(),
        values={name: fields.get(name, "") for name in FIELDS},
        wrong=wrong,
        default_fee=board.desk.default_fee,
    )


async def _page(  # noqa: PLR0913 - what the page shows
    request: Request,
    signed: Signed,
    board: ProviderBoard,
    provider: str,
    *,
    at: str = "",
    wrong: RoutstrError | None = None,
    typed: dict[str, str] | None = None,
    probe: Probe | None = None,
) -> Response:
    """The page; ``wrong`` is what went wrong ``at`` one of its forms."""
    shown = await board.one(provider)
    locked = shown.provider.locked
    stored = None if locked else await board.servers.providers.get(provider)
    values = values_of(shown, stored)
    if typed is not None:
        values.update({name: typed.get(name, "") for name in FIELDS})
    done = request.query_params.get("done", "")
    return show(
        request,
        signed,
        "providers/one.html",
        _AREA,
        status=200 if wrong is None else wrong.status,
        shown=shown,
        one=shown.provider,
        types=_types(board),
        values=values,
        at_form=at,
        wrong=wrong,
        probe=probe,
        seconds=SECONDS,
        default_fee=board.desk.default_fee,
        places=places,
        done=done if done in _DONE else "",
    )


def _back(provider: str, done: str) -> Response:
    return RedirectResponse(f"{HERE}/{provider}?done={done}", status_code=303)
