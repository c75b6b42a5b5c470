"""Models for people: what each costs and why, and what the operator has to say about it."""

from decimal import Decimal
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.pages.model_form import FIELDS, Mode, fee_of, form_of, patch_of
from routstr.admin.selling.endpoints import Models
from routstr.admin.selling.models import ModelDesk, Which, Whiches
from routstr.admin.selling.shown import Row
from routstr.admin.selling.trial import Kind, Tried
from routstr.catalog.overrides import Entry
from routstr.errors import InvalidParameter, ModelInvalid, RoutstrError
from routstr.theme.routes import PageRoute, form, is_part

HERE: Final = "/admin/models"
_AREA: Final = "models"
_PICK: Final = "pick-"
_DIGITS: Final = 4
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


class Model:
    """The model that an address names."""

    def __init__(
        self,
        models: Models,
        provider: Annotated[str, Query(max_length=64)],
        model: Annotated[str, Query(max_length=512)],
    ) -> None:
        self.desk: Final[ModelDesk] = models
        self.row: Final[Row] = models.one(provider, model)

    @property
    def address(self) -> str:
        """Where it is shown."""
        return address_of(self.row)


Named = Annotated[Model, Depends(Model)]


def address_of(row: Row) -> str:
    """The page of a model."""
    return f"{HERE}/one?{urlencode({'provider': row.provider, 'model': row.id})}"


def places(value: Decimal) -> int:
    """With how many decimals a price is written: four digits of it, no zeros behind."""
    if not value:
        return 0
    wanted = max(0, _DIGITS - 1 - value.adjusted())
    rounded = round(value, wanted).normalize()
    return max(0, -int(rounded.as_tuple().exponent))


@router.get("")
async def list_models(request: Request, signed: Operator, desk: Models) -> Response:
    """List models, or those that are looked for."""
    fields = request.query_params
    search, word, provider = (fields.get(name, "") for name in ("search", "which", "provider"))
    which: Which = next((one for one in Whiches if one == word), "all")
    number = fields.get("page", "")
    page = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1  # noqa: PLR2004
    found = desk.find(search, which, provider, page)
    kept = {"search": search, "which": which, "provider": provider}

    def turned(to: int) -> str:
        query = {name: value for name, value in kept.items() if value}
        return f"{HERE}?{urlencode({**query, 'page': to})}"

    return show(
        request,
        signed,
        "models/list.html",
        _AREA,
        found=found,
        formulas=[desk.formula(row) for row in found.rows],
        search=search,
        which=which,
        every=Whiches,
        provider=provider,
        providers=list(desk.lists.stock),
        newer=turned(found.page - 1) if found.page > 1 else "",
        older=turned(found.page + 1) if found.page < found.pages else "",
        policy=desk.catalog.policy,
        usd_per_btc=desk.catalog.usd_per_btc,
        selling=desk.snapshot() is not None,
        address_of=address_of,
        places=places,
        back=request.url.query,
        done=fields.get("done", ""),
        problem=fields.get("problem", ""),
    )


@router.post("/bulk")
async def change_many(_signed: Operator, request: Request, desk: Models) -> Response:
    """Change all models that were picked in the list."""
    fields = await form(request)
    chosen = [
        (provider, model)
        for name, value in fields.items()
        if name.startswith(_PICK)
        for provider, _, model in [value.partition("/")]
    ]
    try:
        count = await _changed(desk, chosen, fields)
        told = {"done": str(count)}
    except (ModelInvalid, InvalidParameter) as error:
        told = {"problem": error.message}
    back = fields.get("back", "")
    kept = [part for part in back.split("&") if not part.startswith(("done=", "problem="))]
    query = "&".join(filter(None, [*kept, urlencode(told)]))
    return RedirectResponse(f"{HERE}?{query}", status_code=303)


async def _changed(desk: ModelDesk, chosen: list[tuple[str, str]], fields: dict[str, str]) -> int:
    if not chosen:
        raise InvalidParameter("Pick one model or more first.", details={"param": "pick"})
    match fields.get("action"):
        case "on":
            return await desk.change_many(chosen, {"enabled": True})
        case "off":
            return await desk.change_many(chosen, {"enabled": False})
        case "fee":
            return await desk.change_many(chosen, {"provider_fee": fee_of(fields)})
        case "back":
            return await desk.take_back_many(chosen)
    raise InvalidParameter("Say what is to be done.", details={"param": "action"})


@router.get("/one")
async def look(request: Request, signed: Operator, named: Named) -> Response:
    """Show a model: its formula, who serves it, what can be changed."""
    return await _page(request, signed, named)


@router.post("/one")
async def save(request: Request, signed: Operator, named: Named) -> Response:
    """Change it."""
    fields, row = await form(request), named.row
    stored = await _stored(named)
    try:
        patch = patch_of(fields, row.stocked.base, stored, named.desk.catalog.policy)
        await named.desk.change(row.provider, [{**patch, "id": row.id}])
    except RoutstrError as error:
        return await _page(request, signed, named, wrong=error, typed=fields)
    return RedirectResponse(f"{named.address}&done=saved", status_code=303)


@router.post("/one/back")
async def take_back(_signed: Operator, named: Named) -> Response:
    """Sell it as file and lists have it."""
    row = named.row
    await named.desk.take_back(row.provider, row.id)
    known = row.stocked.base is not None
    return RedirectResponse(f"{named.address}&done=back" if known else HERE, status_code=303)


@router.post("/one/test")
async def test(request: Request, signed: Operator, named: Named) -> Response:
    """Ask it something small."""
    word = (await form(request)).get("kind", "")
    kind = next((one for one in _KINDS if one == word), _KINDS[0])
    tried = await named.desk.test(named.row, kind)
    if is_part(request):
        return show(request, signed, "models/tried.html", tried=tried, places=places, row=named.row)
    return await _page(request, signed, named, tried=tried)


async def _stored(named: Model) -> Entry:
    stored = await named.desk.stored(named.row.provider)
    return stored.get(named.row.id.lower(), {})


async def _page(
    request: Request,
    signed: Signed,
    named: Model,
    *,
    wrong: RoutstrError | None = None,
    typed: dict[str, str] | None = None,
    tried: Tried | None = None,
) -> Response:
    """The page; ``typed`` is what was filled in and went ``wrong``."""
    row, desk = named.row, named.desk
    stored = await _stored(named)
    values: dict[str, Any] = form_of(row.stocked, stored)
    if typed is not None:
        values.update({name: typed.get(name, "") for name in FIELDS})
        values["enabled"] = "enabled" in typed
    return show(
        request,
        signed,
        "models/one.html",
        _AREA,
        status=200 if wrong is None else wrong.status,
        row=row,
        spec=row.stocked.spec,
        base=row.stocked.base,
        formula=desk.formula(row),
        values=values,
        modes=[one.value for one in Mode],
        kinds=_KINDS,
        tried=tried,
        wrong=wrong,
        places=places,
        done=request.query_params.get("done", ""),
    )
