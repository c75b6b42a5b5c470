"""``routstr wallet payout`` and ``withdraw``: the operator takes out what is the node's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import typer

from routstr.assembly.money import build_payouts
from routstr.cli import tables
from routstr.cli.opening import existing_key, opened_database, opened_wallet
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.addresses import normalise_mint_url
from routstr.core.clock import SystemClock
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.errors import RedemptionPending, RoutstrError
from routstr.money import Unit
from routstr.payment.leaving import lightning_fee_msat
from routstr.payment.lnurl import Lnurl
from routstr.payment.payouts import Payouts
from routstr.wallet.bolt11 import InvalidInvoice, decode
from routstr.wallet.models import SagaState
from routstr.wallet.sagas import Saga

_RESOLVE: Final = "the node goes on with it, and routstr wallet resolve asks now"


def pay_out(
    settings: Settings, to: str | None, sats: int | None, mint: str | None, *, json: bool
) -> bool:
    """Pay over Lightning, and print what became of it; true when it is paid."""
    target = (to or settings.receive_ln_address).strip()
    if not target:
        fail("Say where to with --to, or set RECEIVE_LN_ADDRESS.", EXIT_USAGE)
    invoiced = _invoiced(target)
    if invoiced is not None and sats is not None:
        fail("An invoice has its amount: leave --amount out.", EXIT_USAGE)
    try:
        saga = asyncio.run(_pay(settings, target, sats, mint, is_invoice=invoiced is not None))
    except PROBLEMS as error:
        fail(f"Nothing was paid out: {why(error)}.")
    return report(saga, json=json)


def report(saga: Saga, *, json: bool) -> bool:
    """Print what became of a payout; true when it is paid."""
    is_paid = saga.state is SagaState.DONE
    if json:
        typer.echo(msgspec.json.encode(_plain(saga)))
    elif is_paid:
        paid, fees = saga.unit.to_msat(saga.plan.pay), lightning_fee_msat(saga) + saga.fee_msat
        typer.echo(
            f"Paid {tables.amount(int(paid), 'msat')} out of {saga.mint},"
            f" fees {tables.amount(int(fees), 'msat')}: saga {saga.id}."
        )
    else:
        typer.echo(f"Nobody knows yet whether it was paid: saga {saga.id}; {_RESOLVE}.")
    return is_paid


def withdraw(settings: Settings, amount: int, mint: str | None, unit: Unit, *, json: bool) -> None:
    """Make a token out of the surplus, and print it."""
    where = mint or settings.primary_mint_url
    if not where:
        fail("Say from which mint with --mint.", EXIT_USAGE)
    try:
        saga, token = asyncio.run(_withdraw(settings, amount, where, unit))
    except RedemptionPending:
        fail(f"The mint has not answered: {_RESOLVE}. Then routstr wallet withdraw --saga.")
    except PROBLEMS as error:
        fail(f"Nothing was withdrawn: {why(error)}.")
    _show(saga, token, json=json)


def tell_again(settings: Settings, saga_id: int, *, json: bool) -> None:
    """Print the token of an earlier withdrawal again."""
    try:
        saga, token = asyncio.run(_tell_again(settings, saga_id))
    except PROBLEMS as error:
        fail(f"There is no token to tell: {why(error)}.")
    _show(saga, token, json=json)


async def _pay(
    settings: Settings, target: str, sats: int | None, mint: str | None, *, is_invoice: bool
) -> Saga:
    async with _opened(settings) as payouts:
        where = None if mint is None else normalise_mint_url(mint)
        if is_invoice:
            return await payouts.to_invoice(target, where)
        return await payouts.to_address(target, sats, where)


async def _withdraw(settings: Settings, amount: int, mint: str, unit: Unit) -> tuple[Saga, str]:
    async with _opened(settings) as payouts:
        return await payouts.as_token(amount, normalise_mint_url(mint), unit)


async def _tell_again(settings: Settings, saga_id: int) -> tuple[Saga, str]:
    async with _opened(settings) as payouts:
        return await payouts.token_again(saga_id)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Payouts]:
    key, clock = existing_key(settings), SystemClock()
    local = settings.allow_insecure_mints
    async with (
        opened_database(settings, key) as db,
        opened_wallet(settings, db, key) as wallet,
        outgoing_session(settings, allow_loopback=local) as session,
    ):
        lnurl = Lnurl(session, clock, allow_local=local)
        yield build_payouts(settings, db, wallet, lnurl, clock)


def _invoiced(target: str) -> int | None:
    """The amount of an invoice in msat; None when the text is none."""
    try:
        return int(decode(target).amount or 0)
    except InvalidInvoice:
        return None


def why(error: BaseException) -> str:
    """What went wrong, with the figures that belong to it."""
    details = error.details if isinstance(error, RoutstrError) else {}
    shown = ", ".join(f"{name} {value}" for name, value in details.items())
    return f"{explain(error)} ({shown})" if shown else explain(error)


def _plain(saga: Saga) -> dict[str, object]:
    is_paid = saga.state is SagaState.DONE
    return {
        "saga": saga.id,
        "state": saga.state.name.lower(),
        "mint": saga.mint,
        "unit": saga.unit,
        "paid": saga.plan.pay if is_paid else None,
        "spent": saga.spent,
        "mint_fee_msat": int(saga.fee_msat),
        "lightning_fee_msat": int(lightning_fee_msat(saga)) if is_paid else None,
    }


def _show(saga: Saga, token: str, *, json: bool) -> None:
    if json:
        plain = {
            "saga": saga.id,
            "token": token,
            "mint": saga.mint,
            "unit": saga.unit,
            "amount": saga.gross - saga.fee,
            "mint_fee": saga.fee,
        }
        typer.echo(msgspec.json.encode(plain))
    else:
        typer.echo(token)
        amount = tables.amount(saga.gross - saga.fee, saga.unit)
        typer.echo(f"{amount} at {saga.mint}, saga {saga.id}.", err=True)
