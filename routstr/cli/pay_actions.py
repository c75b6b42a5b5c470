"""What ``routstr pay`` does with a purse, and what it prints."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import typer

from routstr.cli import tables
from routstr.cli.pay_words import bill_in_words, tell_of, told
from routstr.cli.purse import room
from routstr.cli.purse.node import Answer, Nodes, checked_address
from routstr.cli.purse.paying import Till
from routstr.cli.purse.purse import Paid, Purse
from routstr.cli.purse.settling import settle
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, environment_or_exit, fail
from routstr.core.addresses import normalise_mint_url, split_http_url
from routstr.core.http import upstream_session
from routstr.core.settings import Settings
from routstr.money import Unit
from routstr.wallet import token as tokens

T = TypeVar("T")

_CHARS_MAX: Final = 1 << 20
_BODY_BYTES_MAX: Final = 64 * 1024**2
_SOME_PATIENCE_S: Final = 2.0
_PLAIN_HTTP_OK: Final = range(200, 300)


def balance(folder: Path | None, *, json: bool) -> bool:
    """Print what is there; true when nothing is open."""

    async def work(purse: Purse, _: Nodes) -> bool:
        holdings, still = await purse.holdings(), await purse.open_payments()
        if json:
            typer.echo(
                msgspec.json.encode(
                    {
                        "balances": [
                            {"mint": one.mint, "unit": one.unit, "amount": one.liquid}
                            for one in holdings
                        ],
                        "open": [_plain(one) for one in still],
                    }
                )
            )
            return not still
        table = tables.table()
        table.add_column("mint", overflow="fold")
        table.add_column("in the purse", justify="right")
        for one in holdings:
            tables.add_row(table, one.mint, tables.amount(one.liquid, one.unit))
        tables.console().print(table)
        for paid in still:
            typer.echo(f"Open: {tables.amount(paid.amount, paid.unit)} paid to {paid.node}.")
        return not still

    return _with_purse(folder, work, "The purse cannot be read")


def receive(folder: Path | None, text: str, *, json: bool) -> None:
    """Take a token in."""
    text = (sys.stdin.read(_CHARS_MAX) if text == "-" else text).strip()
    try:
        mint = tokens.decode(text).mint
    except PROBLEMS as error:
        fail(f"Nothing was taken in: {explain(error)}.")

    async def work(purse: Purse, _: Nodes) -> None:
        arrived = await purse.take_in(text)
        if json:
            typer.echo(msgspec.json.encode(arrived))
        else:
            typer.echo(
                f"{tables.amount(arrived.amount, arrived.unit)} at {arrived.mint},"
                f" fee {tables.amount(arrived.fee, arrived.unit)}."
            )

    _with_purse(folder, work, "Nothing was taken in", mint)


def send(folder: Path | None, amount: int, unit: Unit, mint: str | None, *, json: bool) -> None:
    """Make a token for somebody."""

    async def work(purse: Purse, _: Nodes) -> None:
        made = await purse.give(amount, unit, await _place(purse, amount, unit, mint))
        if json:
            typer.echo(msgspec.json.encode({**_plain(made), "token": made.token}))
        else:
            typer.echo(made.token)
            typer.echo(f"{tables.amount(made.amount, unit)} at {made.mint}.", err=True)

    _with_purse(folder, work, "No token was made")


def sent(folder: Path | None, take_back: int | None, *, json: bool) -> None:
    """Print tokens that nobody has redeemed yet, or take one back."""

    async def work(purse: Purse, _: Nodes) -> None:
        given = await purse.given()
        if take_back is None:
            left = [one for one in given if not await _is_gone(purse, one)]
            _tell_sent(left, json=json)
            return
        chosen = next((one for one in given if one.id == take_back), None)
        if chosen is None:
            fail(f"{take_back} is no token that was sent and is not redeemed.")
        arrived = await purse.settle_with(chosen, chosen.token)
        if json:
            typer.echo(msgspec.json.encode(arrived))
        else:
            typer.echo(f"{tables.amount(arrived.amount, arrived.unit)} are back.")

    _with_purse(folder, work, "It is not back")


def request(
    folder: Path | None,
    url: str,
    data: str | None,
    method: str | None,
    max_sat: int,
    *,
    json: bool,
) -> bool:
    """Ask a node, pay, print the answer; true when it was a success."""
    body = _body(data)
    node, path = _split(url)

    async def work(purse: Purse, nodes: Nodes) -> bool:
        till = Till(purse, nodes, node, max_sat)
        answer, bill = await till.ask(method or ("POST" if body else "GET"), path, body)
        if json:
            told = {"status": answer.status, "answer": _decoded(answer), "bill": bill}
            typer.echo(msgspec.json.encode(told))
        else:
            typer.echo(answer.body.decode("utf-8", "replace"))
            if bill is not None:
                typer.echo(bill_in_words(bill), err=True)
        return answer.status in _PLAIN_HTTP_OK

    return _with_purse(folder, work, "Nothing was paid")


def with_purse(
    settings: Settings,
    folder: Path | None,
    act: Callable[[Purse, Nodes], Awaitable[T]],
    mint: str = "",
) -> Awaitable[T]:
    """Open the purse, settle what is open in it, and act."""

    async def work() -> T:
        where = folder or room.usual_folder()
        async with (
            room.opened(settings, where, mint) as purse,
            upstream_session(settings) as session,
        ):
            nodes = Nodes(session)
            for paid in await purse.unfinished():
                tell_of(paid, await settle(purse, nodes, paid, patience_s=_SOME_PATIENCE_S))
            return await act(purse, nodes)

    return work()


def _with_purse(
    folder: Path | None,
    act: Callable[[Purse, Nodes], Awaitable[T]],
    failed: str,
    mint: str = "",
) -> T:
    settings = environment_or_exit()

    async def work() -> T:
        return await with_purse(settings, folder, act, mint)

    try:
        return asyncio.run(work())
    except PROBLEMS as error:
        fail(told(error, failed))


def _tell_sent(left: list[Paid], *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode([{**_plain(one), "token": one.token} for one in left]))
        return
    for one in left:
        typer.echo(f"{one.id}: {tables.amount(one.amount, one.unit)} at {one.mint}")
        typer.echo(one.token)


async def _is_gone(purse: Purse, given: Paid) -> bool:
    if not await purse.is_redeemed(given):
        return False
    await purse.settle(given)
    return True


async def _place(purse: Purse, amount: int, unit: Unit, mint: str | None) -> str:
    """The mint that is named, else one that has enough."""
    if mint is not None:
        return normalise_mint_url(mint)
    places = [one.mint for one in await purse.holdings() if one.unit is unit]
    enough = [one for one in places if await purse.gross_for(amount, unit, one) is not None]
    if not enough:
        fail(f"There are not {tables.amount(amount, unit)} at one mint in the purse.")
    return enough[0]


def _split(url: str) -> tuple[str, str]:
    """The node, and the path with its query."""
    try:
        parts = split_http_url(url)
        node = checked_address(f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        fail(f"The address cannot be asked: {explain(error)}.", EXIT_USAGE)
    return node, parts._replace(scheme="", netloc="", fragment="").geturl() or "/"


def _body(data: str | None) -> bytes | None:
    if data is None or not data.startswith("@"):
        return None if data is None else data.encode()
    try:
        if data == "@-":
            return sys.stdin.buffer.read(_BODY_BYTES_MAX)
        return Path(data[1:]).read_bytes()
    except OSError as error:
        fail(f"The body cannot be read: {explain(error)}.")


def _decoded(answer: Answer) -> Any:  # noqa: ANN401 - what JSON may be
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer.body.decode("utf-8", "replace")


def _plain(paid: Paid) -> dict[str, object]:
    names = ("id", "mint", "unit", "amount", "fee", "node")
    return {name: getattr(paid, name) for name in names}
