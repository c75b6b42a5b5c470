"""What users may do with their keys next, and what is given to the node or taken out of it."""

from typing import Final

from tests.fuzz.family import ChangeChild, Holder, MakeChildren, UserChild
from tests.fuzz.giving import Donate, TakeOut
from tests.fuzz.keeping import Rotate, SetTerms
from tests.fuzz.lightning import HONEST, Fortune
from tests.fuzz.over_lightning import order_invoice
from tests.fuzz.paying_out import RefundExpired
from tests.fuzz.records import Reset
from tests.fuzz.scope import LARGE, PLACES, Scope, buy, write
from tests.fuzz.spending import Spend
from tests.fuzz.world import Act

_CHILDREN_MAX: Final = 14
_FORTUNES: Final = (Fortune.PAID, Fortune.PAID, *HONEST)


def spend(scope: Scope) -> Act:
    """With a child key, with a key of one's own, or with one that was rotated."""
    child = _child(scope)
    if child is None and not scope.keys:
        return order_invoice(scope)
    choices, world = scope.choices, scope.world
    if child is not None and (not scope.keys or choices.percent(70)):
        limit = world.model.limits[child.limit]
        most = min(limit.left, world.model.accounts[child.account].available)
        key, account, generation = child.key, child.account, 0
    else:
        child, holder = None, _holder(scope)
        most = world.model.accounts[holder.account].available
        key, account, generation = holder.payer.key, holder.account, holder.generation
    wanted = choices.pick((most, most // 2, most // 3, most + 1, 3_000, 1, 0))
    minimum = choices.pick((0, wanted // 2, wanted, wanted, wanted + 1))
    request = f"spend-{world.operations}-{choices.below(LARGE)}"
    limit_id = None if child is None else child.limit
    asked = Spend(account, minimum, wanted, request, key, limit_id, generation)
    return Act(scope.node(), asked)


def make_children(scope: Scope) -> Act:
    """With a limit or without one; sometimes a call is made again."""
    choices, world = scope.choices, scope.world
    accounts = {key.account for key in scope.keys}
    births = [birth for birth in world.births if birth.holder.account in accounts]
    if births and choices.percent(30):
        return Act(scope.node(), choices.pick(births))
    if not scope.keys or len(world.model.limits) >= _CHILDREN_MAX:
        return spend(scope)
    cap = choices.pick((None, 1, 900, 5_000, 40_000, LARGE))
    reset = Reset.NEVER if cap is None else choices.pick((Reset.DAILY, *Reset))
    operation = f"children-{world.operations}-{choices.below(LARGE)}".encode()
    asked = MakeChildren(_holder(scope), 1 + choices.below(2), cap, reset, operation)
    return Act(scope.node(), asked)


def reset_child(scope: Scope) -> Act:
    child = _child(scope)
    if child is None:
        return make_children(scope)
    return Act(scope.node(), ChangeChild(_parent(scope, child), child, revokes=False))


def revoke_child(scope: Scope) -> Act:
    child = _child(scope)
    if child is None:
        return make_children(scope)
    return Act(scope.node(), ChangeChild(_parent(scope, child), child, revokes=True))


def rotate(scope: Scope) -> Act:
    if not scope.keys:
        return order_invoice(scope)
    return Act(scope.node(), Rotate(_holder(scope)))


def set_terms(scope: Scope) -> Act:
    """An end that is near or far, or none."""
    if not scope.keys:
        return order_invoice(scope)
    choices, now = scope.choices, scope.world.ground.clock.now_ms()
    lasts_s = choices.pick((None, 60, 60, 600, 90_000))
    address = choices.pick((None, *(f"{fortune}@users.example" for fortune in _FORTUNES)))
    until = None if lasts_s is None else now + lasts_s * 1_000
    return Act(scope.node(), SetTerms(_holder(scope), until, address))


def refund_expired(scope: Scope) -> Act:
    return Act(scope.node(), RefundExpired())


def donate(scope: Scope) -> Act:
    """A new token, or one that was seen before."""
    seen = scope.tokens and scope.choices.percent(40)
    one = scope.choices.pick(scope.tokens) if seen else buy(scope)
    return Act(scope.node(), Donate(one, write(scope, one)))


def take_out(scope: Scope) -> Act:
    """Of the operator's own, all or a part; or what was taken out before, told again."""
    choices, model = scope.choices, scope.world.model
    taken = [saga for saga, it in model.refunds.items() if it.account is None]
    mint, unit = choices.pick(PLACES)
    if taken and choices.percent(30):
        return Act(scope.node(), TakeOut(mint, unit, 0, choices.pick(taken)))
    own = max(model.surplus, 0) // unit.msat
    amount = choices.pick((max(1, own), max(1, own // 2), max(1, own // 5), 1, own + 1))
    return Act(scope.node(), TakeOut(mint, unit, amount))


def _child(scope: Scope) -> UserChild | None:
    """Mostly one that was not revoked, of the keys in scope."""
    accounts, limits = {key.account for key in scope.keys}, scope.world.model.limits
    known = [child for child in scope.world.children if child.account in accounts]
    good = [child for child in known if not limits[child.limit].revoked]
    children = good if good and scope.choices.percent(90) else known
    return scope.choices.pick(children) if children else None


def _holder(scope: Scope) -> Holder:
    """Mostly with the newest key."""
    accounts = {key.account for key in scope.keys}
    old = [holder for holder in scope.world.rotated if holder.account in accounts]
    if old and scope.choices.percent(12):
        return scope.choices.pick(old)
    return scope.world.holder(scope.choices.pick(scope.keys))


def _parent(scope: Scope, child: UserChild) -> Holder:
    """Mostly the child's."""
    if scope.choices.percent(10):
        return _holder(scope)
    parents = (key for key in scope.world.keys if key.account == child.account)
    return scope.world.holder(next(parents))
