"""What may happen to a foreign mint's token, in the model; and what of it the books say by itself.

Either it is as it was, or its mint spent it: then what arrived at the primary mint is credited,
once, and what was left over is owed as a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from routstr.money import MSAT_PER_SAT
from routstr.payment.deposits import FOREIGN_CREATE
from routstr.wallet.models import SagaState
from tests.fuzz.explain import Broken, Event, Track
from tests.fuzz.facts import SagaFact
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.model import Model, demand
from tests.fuzz.offering import PASSING, UserToken
from tests.fuzz.operations import Scene
from tests.fuzz.records import BEARER, Deposit, Passing, Refund, Stage, Ys

_COST_PERCENT: Final = 5
_COST_MSAT: Final = 10 * MSAT_PER_SAT


@dataclass(slots=True)
class Wish:
    """A token that users gave a node, and what for: purposes, and accounts to be topped up."""

    given: UserToken
    ends: set[tuple[str, int | None]] = field(default_factory=set)


Wishes = Mapping[Ys, Wish]


def credits_of(model: Model, ys: Ys) -> list[Deposit]:
    """What was credited for a token: once, unless its mint paid what it had said it would not."""
    invoices = [invoice for invoice, token in model.ordered.items() if token == ys]
    return [model.deposits[invoice] for invoice in invoices if invoice in model.deposits]


def passed(id_: int, saga: SagaFact, scene: Scene, wishes: Wishes, mint: ForeignMint) -> Track:
    """What became of a token at its mint."""
    before = scene.open_before.get(id_)
    ys = saga.ys if before is None else before.ys
    if saga.state is SagaState.FAILED and mint.has_paid(saga.request):
        raise Broken(f"{saga} was given up, and its mint has spent the token")
    events: list[Event] = []
    if before is None and ys:
        events.append(lambda m: _begin(m, ys, id_, saga.invoice))
    elif before is None:  # it was given up within the step
        events.append(lambda m: m.ordered.setdefault(saga.invoice, mint.payer_of(saga.request)))
    if saga.state is SagaState.DONE:
        face = wishes[ys].given.face
        if not all(map(mint.spent_by_node, ys)):
            raise Broken(f"{saga} is done, and its mint has not spent the token")
        spent = int(saga.unit.to_msat(saga.spent))
        events.append(lambda m: _end(m, ys, face, spent))
    elif saga.state is SagaState.FAILED and before is not None:
        events.append(lambda m: _undo(m, ys))
    return Track(frozenset({PASSING}), tuple(events))


def arrived(saga: SagaFact, wishes: Wishes) -> Track:
    """What a token paid for is here, and belongs to whoever gave it."""
    assert saga.account is not None, "a saga that is done names its account"
    account = saga.account

    def event(model: Model) -> None:
        demand(saga.ys in model.ordered, f"{saga}: no token was to pay this")
        wish = wishes[model.ordered[saga.ys]]
        end = saga.purpose, (None if saga.purpose == FOREIGN_CREATE else account)
        demand(end in wish.ends, f"{saga} is credited, and nobody asked for it")
        cost = wish.given.face - saga.net
        most = max(_COST_MSAT, wish.given.face * _COST_PERCENT // 100)
        demand(0 <= cost <= most, f"of {wish.given.face} msat {saga.net} arrive")
        made = (it.account for it in credits_of(model, wish.given.ys) if it.purpose == saga.purpose)
        known = set(made) if saga.purpose == FOREIGN_CREATE else set()
        demand(known <= {account}, f"{saga} makes another key, there is {known}")
        model.redeem(saga.ys, saga.purpose, account, saga.net, more=bool(known))

    return Track(frozenset({PASSING, account}), (event,))


def _begin(model: Model, ys: Ys, saga: int, invoice: Ys) -> None:
    demand(not model.overlaps(ys), "a part of the token was used before")
    demand(invoice not in model.ordered, "an invoice is to be paid by two tokens")
    model.passings[ys] = Passing(saga, invoice)
    model.ordered[invoice] = ys


def _end(model: Model, ys: Ys, face: int, spent: int) -> None:
    """The token is spent; what its mint did not keep is owed as another one."""
    was = _open(model, ys)
    change = face - spent
    demand(0 < spent <= face, f"{spent} of {face} msat were kept")
    model.passings[ys] = replace(was, spent=spent)
    if change:
        model.refunds[was.saga] = Refund(BEARER, change, 0, change, Stage.ISSUED)
        model.unclaimed += change


def _undo(model: Model, ys: Ys) -> None:
    """The token is as it was."""
    _open(model, ys)
    del model.passings[ys]


def _open(model: Model, ys: Ys) -> Passing:
    demand(ys in model.passings, "the token of a saga is not on its way")
    found = model.passings[ys]
    demand(found.spent is None, f"{found} has ended")
    return found
