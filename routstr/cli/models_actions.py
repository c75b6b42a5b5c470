"""What ``routstr models`` shows and changes, by the same desk as the operator's pages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
import typer
from pydantic import ValidationError
from rich.console import Console

from routstr.admin.selling.models import ModelDesk, Which
from routstr.admin.selling.schemas import ModelAnswer, ModelChange, ModelPage, TrialAnswer
from routstr.admin.selling.shown import Row, State
from routstr.assembly.plugins import open_extensions
from routstr.assembly.providers import upstream_sessions
from routstr.cli import selling, tables
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.errors import UnknownModel

T = TypeVar("T")

_NONE_SOLD: Final = (
    "None is sold. routstr models list --which not_sold names those that are served and not sold,"
    " routstr models show MODEL says why, routstr models set MODEL gives a price."
)
_DIGITS: Final = Decimal("0.001")
_GROUPS: Final = frozenset(
    {"pricing", "architecture", "per_request_limits", "top_provider", "fixed"}
)


def show_all(settings: Settings, search: str, which: Which, provider: str, *, json: bool) -> None:
    """Print all models that are looked for."""

    async def work(desk: ModelDesk) -> None:
        rows: list[Row] = []
        found = desk.find(search, which, provider)
        for page in range(1, found.pages + 1):
            rows += desk.find(search, which, provider, page).rows
        if json:
            told = [ModelAnswer.of(row, desk.formula(row)) for row in rows]
            page_of_all = ModelPage(models=told, total=found.total, page=1, pages=1)
            typer.echo(page_of_all.model_dump_json())
        else:
            _list(rows, is_priced=desk.snapshot() is not None)
            if not rows and which == "sold" and desk.find(search, "not_sold", provider).total:
                typer.echo(_NONE_SOLD, err=True)

    _at_desk(settings, work, "The models cannot be read")


def show_one(settings: Settings, model: str, provider: str | None, *, json: bool) -> None:
    """Print one model and its formula."""

    async def work(desk: ModelDesk) -> None:
        _show(desk, _found(desk, model, provider), json=json)

    _at_desk(settings, work, "The model cannot be read")


def change(
    settings: Settings, model: str, provider: str | None, fields: Sequence[str], *, json: bool
) -> None:
    """Store what is to be different of a model; what is not named stays."""
    patch = _patch(fields)

    async def work(desk: ModelDesk) -> None:
        row = _found(desk, model, provider)
        before = (await desk.stored(row.provider)).get(row.id.lower(), {})
        entry = {name: _merged(before.get(name), value) for name, value in patch.items()}
        try:
            checked = ModelChange(**entry).entry(id=row.id)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            fail(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.", EXIT_USAGE)
        await desk.change(row.provider, [checked])
        _show(desk, desk.one(row.provider, row.id), json=json)

    _at_desk(settings, work, "Nothing was changed")


def take_back(settings: Settings, model: str, provider: str | None, *, json: bool) -> None:
    """Forget what is stored of a model."""

    async def work(desk: ModelDesk) -> None:
        row = _found(desk, model, provider)
        await desk.take_back(row.provider, row.id)
        if json:
            typer.echo(msgspec.json.encode({"id": row.id, "provider": row.provider}))
        else:
            typer.echo(f"{row.id} of {row.provider} is sold as file and lists have it.")

    _at_desk(settings, work, "Nothing was changed")


def try_out(settings: Settings, model: str, provider: str | None, *, json: bool) -> bool:
    """Ask a model; true when it answered."""

    async def work(desk: ModelDesk) -> bool:
        row = _found(desk, model, provider)
        tried = await desk.test(row)
        if json:
            typer.echo(TrialAnswer.of(row.provider, tried).model_dump_json())
        elif tried.worked:
            cost = "" if tried.cost is None else f", {tables.amount(int(tried.cost), 'msat')}"
            typer.echo(tried.text or "It answers.")
            typer.echo(f"{row.provider}, {tried.seconds:.1f} s{cost}", err=True)
        else:
            typer.echo(f"{row.provider} does not serve {row.id}: {tried.problem}", err=True)
        return tried.worked

    return _at_desk(settings, work, "It cannot be tried")


def _list(rows: Sequence[Row], *, is_priced: bool) -> None:
    table = tables.table()
    for name in ("model", "provider", "state"):
        table.add_column(name)
    for name in ("input", "output"):
        table.add_column(name, justify="right")
    for row in rows:
        prices = (_price(row.input), _price(row.output))
        tables.add_row(table, row.sold_as, row.provider, row.state.value, *prices)
    tables.console().print(table)
    if not is_priced:
        typer.echo("There is no price of bitcoin right now: routstr doctor says why.", err=True)


def _price(msat: Decimal | None) -> str:
    return "" if msat is None else f"{msat.quantize(_DIGITS).normalize():,f}"


def _show(desk: ModelDesk, row: Row, *, json: bool) -> None:
    answer = ModelAnswer.of(row, desk.formula(row))
    if json:
        typer.echo(answer.model_dump_json())
        return
    state = f"{row.state.value}: {answer.problem}" if answer.problem else row.state.value
    typer.echo(f"{answer.sold_as} ({answer.id} of {answer.provider}), {state}")
    fees = f"exchange fee {answer.exchange_fee}, provider fee {answer.provider_fee}"
    typer.echo(f"rule {answer.rule}, {fees}, bitcoin at {answer.usd_per_btc or 'no price'} USD")
    table = tables.table()
    for name in ("price", "of", "provider USD", "client USD", "msat each"):
        table.add_column(name, justify="left" if name == "price" else "right")
    for line in answer.prices:
        cells = (line.own_usd, line.client_usd, line.msat)
        tables.add_row(table, line.name, f"{line.per:,}", *(cell or "" for cell in cells))
    tables.console().print(table)


def _found(desk: ModelDesk, model: str, provider: str | None) -> Row:
    """The model at this provider; at any, who is asked first."""
    if provider is not None:
        return desk.one(provider, model)
    try:
        return desk.serving(model)
    except UnknownModel:
        rows = [row for row in desk.find(model, "all").rows if row.id.lower() == model.lower()]
        if not rows:
            raise
        return min(rows, key=lambda row: row.state is State.OFF)


def _patch(fields: Sequence[str]) -> dict[str, Any]:
    """``pricing.prompt=0.1`` and the like as an entry of the models file."""
    patch: dict[str, Any] = {}
    for field in fields:
        name, sign, text = field.partition("=")
        group, dot, inner = name.strip().partition(".")
        if not sign or not group or (dot and group not in _GROUPS):
            fail(f"{field}: say FIELD=VALUE, for example pricing.prompt=0.000002.", EXIT_USAGE)
        value = _value(text.strip())
        if dot:
            patch.setdefault(group, {})[inner] = value
        else:
            patch[group] = value
    return patch


def _value(text: str) -> Any:  # noqa: ANN401 - what JSON may be
    try:
        return msgspec.json.Decoder(float_hook=Decimal).decode(text)
    except msgspec.DecodeError:
        return text


def _merged(before: Any, value: Any) -> Any:  # noqa: ANN401 - of an entry
    """A group with single fields changed; one that is null is taken out of it."""
    if not isinstance(value, dict):
        return value
    both = {**before, **value} if isinstance(before, dict) else value
    return {name: one for name, one in both.items() if one is not None} or None


def _at_desk(settings: Settings, act: Callable[[ModelDesk], Awaitable[T]], failed: str) -> T:
    """Be the desk for a moment; ``failed`` begins the last words."""
    read_database(settings, lambda _: None)  # there is a database, and none is made

    async def work() -> T:
        async with AsyncExitStack() as stack:
            return await act(await _opened(settings, stack))

    try:
        return asyncio.run(work())
    except PROBLEMS as error:
        fail(f"{failed}: {explain(error)}.")


async def _opened(settings: Settings, stack: AsyncExitStack) -> ModelDesk:
    key, clock = existing_key(settings), SystemClock()
    extensions = open_extensions(settings)
    db = await stack.enter_async_context(opened_database(settings, key))
    local = settings.allow_insecure_mints
    outgoing = await stack.enter_async_context(outgoing_session(settings, allow_loopback=local))
    upstream = await stack.enter_async_context(upstream_sessions(settings))
    with Console(stderr=True).status("Reading prices"):
        price = settings.btc_usd
        if price is None:
            price = (await selling.read_price(settings, outgoing, clock)).price
        return await selling.open_models(
            settings, extensions, db, key, clock, outgoing, upstream, price
        )
