"""Nodes that die, fall silent and come back; and the end, when everything must be settled."""

from typing import Final

from routstr.errors import (
    BalanceTooSmall,
    DatabaseUnavailable,
    InsufficientLiquidity,
    NothingToRefund,
    OutcomeUnknown,
)
from routstr.ledger.sweep import GRACE_MS
from routstr.wallet.mint_types import MintQuote, MintQuoteState
from routstr.wallet.token import encode_b
from tests.fuzz.collecting import collect
from tests.fuzz.explain import Broken
from tests.fuzz.holding import Release
from tests.fuzz.late import AskGivenUp
from tests.fuzz.learning import create
from tests.fuzz.lightning import Fortune
from tests.fuzz.moving import FinishMoves
from tests.fuzz.node import Node
from tests.fuzz.operations import Answer
from tests.fuzz.paying_in import AskInvoice, AskMints, UserInvoice
from tests.fuzz.paying_out import EndPayments, RefundExpired, can_leave
from tests.fuzz.receiving import Receive
from tests.fuzz.records import End
from tests.fuzz.refunding import ClaimChange, GiveBack
from tests.fuzz.tasks import Recover, Redeem, Sweep, Watch
from tests.fuzz.world import Act, World

_ROUNDS_MAX: Final = 8
_LATE_S: Final = 6 * 3_600 + 1
"""An invoice that is paid is asked about by then, however old it is."""
_LONG_AFTER_S: Final = 2 * 86_400
_LEFT: Final = (NothingToRefund, BalanceTooSmall, InsufficientLiquidity)


async def crash(world: World, index: int, *, noticed: bool) -> None:
    """A node is gone with all that it had in memory, and another one starts in its place.

    ``noticed``: the others see at once that it is gone, as those of its own machine do.
    """
    node = world.nodes[index]
    node.fate.dead = True
    await node.bury()
    world.crashes += 1
    world.troubles += node.fate.met
    world.lost.add(node.instance)
    if noticed:
        notice(world)
    world.nodes[index] = await Node.open(world.ground)


def notice(world: World) -> None:
    """Time has passed: whoever died is known to be dead."""
    for instance in world.lost:
        world.observer.silence(instance)
    world.silent |= world.lost
    world.lost.clear()


def silence(world: World, index: int) -> None:
    """A living node seems gone: it was stopped, or its heartbeat does not get through."""
    instance = world.nodes[index].instance
    world.observer.silence(instance)
    world.silent.add(instance)


async def come_back(world: World, index: int) -> None:
    """Its heart is seen to beat again."""
    node = world.nodes[index]
    try:
        await node.sweeper.beat()
    except DatabaseUnavailable:
        return  # and stays silent
    except OutcomeUnknown:
        if node.instance in world.silent:
            world.observer.silence(node.instance)
    else:
        world.silent.discard(node.instance)


async def close(world: World) -> None:
    """Settle everything, give everybody's money back, and prove the books."""
    for index, node in enumerate(world.nodes):
        node.fate.disarm()
        await come_back(world, index)
    notice(world)
    await _end_sagas(world)
    await _end_holds(world)
    await world.audit()
    await _find_keys(world)
    await collect(world)
    await _refund_expired(world)
    await _give_back(world)
    await world.audit()
    for node in world.nodes:
        world.troubles += node.fate.met
        node.fate.met.clear()


async def _end_sagas(world: World) -> None:
    for _ in range(_ROUNDS_MAX):
        for mint in world.ground.mints.values():
            await world.step(Act(0, EndPayments(mint)))
        for index in range(len(world.nodes)):
            world.ground.clock.advance(seconds=_LATE_S)
            await world.step(Act(index, FinishMoves()))
            await world.step(Act(index, AskMints()))
            await world.step(Act(index, Recover()))
        if not world.open_sagas:
            break
    for _ in range(_ROUNDS_MAX):  # also about what the last recovery found to be paid
        world.ground.clock.advance(seconds=_LATE_S)  # mints rest no longer
        await world.step(Act(0, AskMints()))
        if not _left(world):
            break
    await world.step(Act(0, AskGivenUp(world.observer)))
    for one in _uncredited(world):  # very late: nobody but its owner asks about it any more
        await world.step(Act(0, AskInvoice(one, world.ground.network)))
    if world.open_sagas:
        raise Broken(f"operations stay open: {list(world.open_sagas.values())}")
    if world.model.transit or world.model.in_flight:
        raise Broken(f"{world.model.transit} msat are between mints, {world.model.in_flight} fly")
    _require_taken(world)


def _require_taken(world: World) -> None:
    """All that was paid for is here."""
    for one in _uncredited(world):
        raise Broken(f"an invoice is paid and not credited: {one}")
    if left := _left(world):
        raise Broken(f"what was paid for lies at its mint: {left}")


def _left(world: World) -> list[MintQuote]:
    """What was paid for, and lies at its mint."""
    orders = (order for mint in world.ground.mints.values() for order in mint.orders.values())
    return [order for order in orders if order.state is MintQuoteState.PAID]


def _uncredited(world: World) -> list[UserInvoice]:
    """Invoices that are paid, and of whose money the books know nothing."""
    network, known = world.ground.network, world.model.deposits
    paid = (one for one in world.invoices if network.is_paid(one.invoice.quote.request))
    return [one for one in paid if one.name not in known]


async def _end_holds(world: World) -> None:
    world.ground.clock.advance(ms=GRACE_MS + 1)
    for index in range(len(world.nodes)):
        await world.step(Act(index, Sweep()))
    live = {hold for node in world.nodes for hold in node.live}
    for hold, it in list(world.model.holds.items()):
        if it.end is End.OPEN:
            if hold not in live:
                raise Broken(f"hold {hold} belongs to nobody, and no sweep ends it")
            await world.step(Act(0, Release(hold)))


async def _find_keys(world: World) -> None:
    """Users whose answer was lost ask again with the same token, and find their key."""
    have = {key.account for key in world.keys}
    for one in world.tokens:
        known = world.model.deposits.get(one.ys)
        if known is not None and known.purpose == "create" and known.account not in have:
            await create(world, Act(0, Receive(one, encode_b(one.token), None)))
    for invoice in world.unclaimed_invoices():
        if world.ground.network.is_paid(invoice.invoice.quote.request):
            await create(world, Act(0, AskInvoice(invoice, world.ground.network)))


async def _refund_expired(world: World) -> None:
    """Whoever said where the money of their key goes when it ends has it there, or had no luck."""
    accounts = world.model.accounts
    due = [a for a, it in accounts.items() if it.address == f"{Fortune.PAID}@users.example"]
    world.ground.clock.advance(seconds=_LONG_AFTER_S)
    for _ in range(2):
        await world.step(Act(0, RefundExpired()))
        world.ground.clock.advance(seconds=_LONG_AFTER_S)
    for account in due:
        it = world.model.accounts[account]
        if it.expires_at is not None and can_leave(it.available, world.observer.payable()):
            raise Broken(f"account {account} has expired, and keeps {it}")


async def _give_back(world: World) -> None:
    for number, payer in enumerate(world.keys):
        answer = await _empty(world, Act(number % len(world.nodes), GiveBack(payer)))
        if not isinstance(answer.error, _LEFT):
            raise Broken(f"account {payer.account} cannot be emptied: {answer}")
    for number, one in enumerate(world.paid.values()):
        known = world.model.deposits.get(one.ys)
        if known is not None and known.purpose == "payment":
            await _claim_all(
                world, Act(number % len(world.nodes), ClaimChange(one, encode_b(one.token)))
            )
    await world.step(Act(0, Watch()))


async def _claim_all(world: World, act: Act) -> None:
    """Take the change, in parts if it comes in parts; the last one is told again and again."""
    told: set[str] = set()
    for _ in range(_ROUNDS_MAX):
        (answer,) = await world.step(act)
        if isinstance(answer.error, _LEFT):
            return
        if answer.error is not None:
            raise Broken(f"{act.operation} is answered {answer}: {answer.error}")
        tokens = {part.token for part in answer.value.parts}
        if tokens == told:
            return
        told |= tokens
        for text in tokens:
            await _redeem(world, text)
    raise Broken(f"{act.operation} goes on for ever")


async def _empty(world: World, act: Act) -> Answer:
    """Take what there is, as often as there is some; return the last answer."""
    for _ in range(_ROUNDS_MAX):
        (answer,) = await world.step(act)
        if answer.error is not None:
            return answer
        for part in (*answer.value.parts, *answer.value.earlier):
            await _redeem(world, part.token)
    return Answer()


async def _redeem(world: World, text: str) -> None:
    """The user takes the money to their own wallet."""
    gift = world.outside.gift(text)
    mint = world.mint(gift.token.mint)
    await world.step(Act(0, Redeem(gift.token, mint, gift.saga, gift.token.unit)))
