"""What ``routstr keys`` changes, by the same desk as the operator's pages."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import typer
from pydantic import ValidationError

from routstr.admin.calls import new_call
from routstr.admin.keys.actions import KeyActions
from routstr.admin.keys.requests import NewKey, Revoke, Rules
from routstr.assembly.custody import build_custody
from routstr.assembly.money import build_money
from routstr.cli import keys_shown, tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain, read_database
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.errors import RedemptionPending, RoutstrError
from routstr.money import Msat, Unit
from routstr.payment.idempotency.repeats import checked_key

T = TypeVar("T")

_CHARS_MAX: Final = 1 << 20


class Wanted(NamedTuple):
    """What the options say; None: they do not name it. ``expires``: a day, a time, or never."""

    name: str | None
    note: str | None
    limit: int | None
    reset: str | None
    expires: str | None


def create(
    settings: Settings,
    token_file: Path | None,
    msat: int | None,
    wanted: Wanted,
    call: str | None,
    *,
    json: bool,
) -> None:
    """Make a key and print it."""
    if (token_file is None) is (msat is None):
        fail("Say what pays for it: --token-file or --msat.", EXIT_USAGE)
    token = None if token_file is None else _read(token_file)
    asked = _asked(NewKey, wanted, initial_balance_token=token, amount_msats=msat)
    made = _act(
        settings,
        lambda keys, name: keys.create(name, asked),
        "No key was made",
        call,
        deposits=token is not None,
    )
    if json:
        typer.echo(made.model_dump_json())
        return
    typer.echo(made.api_key)
    typer.echo(
        f"{made.id}: {tables.amount(made.balance, 'msat')}. It is not shown again.", err=True
    )


def change(settings: Settings, key: str, wanted: Wanted, *, json: bool) -> None:
    """Change what is named."""
    if wanted == Wanted(None, None, None, None, None):
        fail("Say what is to change, for example --name.", EXIT_USAGE)
    rules = _asked(Rules, wanted)

    async def work(keys: KeyActions, _: str) -> None:
        await keys.change(key, rules)
        keys_shown.show(await keys.desk.one(key), json=json)

    _act(settings, work, "Nothing was changed")


def top_up(settings: Settings, key: str, msat: int, call: str | None, *, json: bool) -> None:
    """Credit a key."""
    done = _act(
        settings,
        lambda keys, name: keys.top_up(name, key, Msat(msat)),
        "Nothing was credited",
        call,
    )
    if json:
        typer.echo(done.model_dump_json())
    else:
        said = "was credited before" if done.repeated else "is credited"
        typer.echo(f"{key} {said}: it has {tables.amount(done.balance, 'msat')}.")


def withdraw(
    settings: Settings,
    key: str,
    amount: int | None,
    unit: Unit,
    mint: str | None,
    call: str | None,
    *,
    json: bool,
) -> None:
    """Give a balance out as a token and print it."""
    msat = None if amount is None else unit.to_msat(amount)
    named = mint is not None or amount is not None
    done = _act(
        settings,
        lambda keys, name: keys.withdraw(name, key, msat, mint, unit if named else None),
        "Nothing was withdrawn",
        call,
    )
    if json:
        typer.echo(done.model_dump_json())
        return
    typer.echo(done.token)
    left = tables.amount(done.balance, "msat")
    typer.echo(
        f"{tables.amount(done.amount, done.unit)} at {done.mint_url}; left {left}.", err=True
    )


def revoke(
    settings: Settings, key: str, refund: str, to: str | None, call: str | None, *, json: bool
) -> bool:
    """End a key; true when nothing that was to be paid out stayed behind."""
    how = _checked(Revoke, {"refund": refund, "lightning_address": to})
    done = _act(
        settings, lambda keys, name: keys.revoke(name, key, how), "Nothing was revoked", call
    )
    if json:
        typer.echo(done.model_dump_json())
        return not done.problem
    if done.token is not None:
        typer.echo(done.token.token)
    left = tables.amount(done.key.balance, "msat")
    typer.echo(f"{key} has ended; {left} are left on it.", err=True)
    if done.problem:
        typer.echo(f"It was not paid out: {done.problem}", err=True)
    return not done.problem


def _act(
    settings: Settings,
    act: Callable[[KeyActions, str], Awaitable[T]],
    failed: str,
    call: str | None = None,
    *,
    deposits: bool = False,
) -> T:
    """Be the operator's desk for a moment; ``failed`` begins the last words.

    ``deposits``: tokens are redeemed.
    """
    read_database(settings, lambda _: None)  # there is a database, and none is made
    named = _named(call)

    async def work() -> T:
        key, clock = existing_key(settings), SystemClock()
        local = settings.allow_insecure_mints
        async with AsyncExitStack() as stack:
            db = await stack.enter_async_context(opened_database(settings, key))
            wallet = await stack.enter_async_context(opened_wallet(settings, db, key))
            session = await stack.enter_async_context(
                outgoing_session(settings, allow_loopback=local)
            )
            money = build_money(settings, db, wallet, key, clock, session)
            keys, _ = build_custody(db, key, clock, wallet, money)
            if deposits:
                await money.verifier.run()  # no deposit before the books were looked at
            return await act(keys, named)

    try:
        return asyncio.run(work())
    except RedemptionPending as error:
        fail(f"{explain(error)}. The same command with --name-call {named} asks again.")
    except PROBLEMS as error:
        fail(f"{failed}: {explain(error)}.")


def _named(call: str | None) -> str:
    try:
        return new_call() if call is None else checked_key(call)
    except RoutstrError as error:
        fail(f"--name-call: {explain(error)}.", EXIT_USAGE)


Asked = TypeVar("Asked", NewKey, Rules, Revoke)


def _asked(kind: type[Asked], wanted: Wanted, **more: Any) -> Asked:  # noqa: ANN401 - fields of it
    named: dict[str, Any] = {
        "name": wanted.name,
        "note": wanted.note,
        "balance_limit": wanted.limit,
        "balance_limit_reset": wanted.reset,
    }
    fields = {name: value for name, value in (named | more).items() if value is not None}
    if wanted.expires is not None:
        fields["validity_date"] = _seconds(wanted.expires)
    return _checked(kind, fields)


def _checked(kind: type[Asked], fields: dict[str, Any]) -> Asked:
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        fail(f"{first['loc'][0]}: {first['msg']}.", EXIT_USAGE)


def _seconds(text: str) -> int | None:
    """Unix seconds of a day or a time, UTC where it names no zone; None for ``never``."""
    if text == "never":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail("--expires is a day or a time such as 2030-01-31T12:00, or never.", EXIT_USAGE)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _read(file: Path) -> str:
    try:
        text = sys.stdin.read(_CHARS_MAX) if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {explain(error)}.")
    return text.strip()
