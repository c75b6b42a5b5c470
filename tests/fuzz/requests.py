"""What clients may ask for next. Every choice is made by whole numbers, wherever these come from.

A request that finds nothing to be about is for something near it, so that any may follow any other.
"""

from dataclasses import replace
from itertools import chain
from typing import Final

from tests.fuzz.holding import PlaceHold, Release, Settle
from tests.fuzz.offering import UserToken
from tests.fuzz.over_foreign import ask_given_up, bring, pass_again, pass_on, pay_given_up
from tests.fuzz.over_keys import (
    donate,
    make_children,
    refund_expired,
    reset_child,
    revoke_child,
    rotate,
    set_terms,
    spend,
    take_out,
)
from tests.fuzz.over_lightning import (
    ask_invoice,
    ask_mints,
    end_payments,
    finish_moves,
    move_between,
    order_invoice,
    pay_invoice,
    pay_out,
    send_back,
    tidy_up,
)
from tests.fuzz.paying import Pay
from tests.fuzz.receiving import Receive
from tests.fuzz.records import End
from tests.fuzz.refunding import ClaimChange, GiveBack
from tests.fuzz.scope import KEYS_MAX, LARGE, Planner, Scope, buy, remember, write
from tests.fuzz.tasks import Recover, Redeem, Sweep, Watch
from tests.fuzz.world import Act


def create(scope: Scope) -> Act:
    """A new key, or with many keys a top-up."""
    if len(scope.world.keys) >= KEYS_MAX:
        return top_up(scope)
    fresh = buy(scope)
    return Act(scope.node(), Receive(fresh, write(scope, fresh), None, scope.choices.percent(30)))


def top_up(scope: Scope) -> Act:
    if not scope.keys:
        fresh = buy(scope)
        return Act(scope.node(), Receive(fresh, write(scope, fresh), None))
    fresh = buy(scope)
    payer = scope.choices.pick(scope.keys)
    return Act(scope.node(), Receive(fresh, write(scope, fresh), payer))


def same_token(scope: Scope) -> Act:
    """A token that was seen before, written anew, for whatever purpose."""
    if not scope.tokens:
        return top_up(scope)
    again = scope.choices.pick(scope.tokens)
    payer = scope.choices.pick([*scope.keys, None])
    if len(scope.world.keys) >= KEYS_MAX and scope.keys:
        payer = payer or scope.keys[0]
    return Act(scope.node(), bring(scope, again, payer))


def overlapping_token(scope: Scope) -> Act:
    """A part of a token that was seen before, with other proofs beside it or without."""
    if not scope.tokens or not scope.keys:
        return top_up(scope)
    known = scope.choices.pick(scope.tokens)
    part = known.token.proofs[: 1 + scope.choices.below(len(known.token.proofs))]
    if scope.choices.percent(50):
        signer = known.mint.signers[part[0].keyset_id]
        part += known.mint.token(8, signer=signer, dleq=False).proofs
    mixed = remember(scope, replace(known.token, proofs=part), known.mint)
    payer = scope.choices.pick(scope.keys)
    return Act(scope.node(), bring(scope, mixed, payer))


def spend_elsewhere(scope: Scope) -> Act:
    """A user redeems their token without the node."""
    known = scope.choices.pick(scope.tokens) if scope.tokens else buy(scope)
    return Act(0, Redeem(known.token, known.mint, None, known.token.unit))


def place_hold(scope: Scope) -> Act:
    if not scope.keys:
        return create(scope)
    choices, world = scope.choices, scope.world
    account = choices.pick(scope.keys).account
    available = world.model.accounts[account].available
    amounts = (available, available // 2, available + 1, 1_000, 7_777, 3_000, 1, 0)
    wanted = choices.pick(amounts)
    minimum = choices.pick((0, wanted // 2, wanted, wanted, wanted + 1))
    request = f"request-{world.operations}-{choices.below(LARGE)}"
    return Act(scope.node(), PlaceHold(account, minimum, wanted, request))


def settle(scope: Scope) -> Act:
    """What the request cost is below, at or above what was held."""
    hold = _hold(scope)
    if hold is None:
        return place_hold(scope)
    amount = scope.world.model.holds[hold].amount
    cost = scope.choices.pick((amount // 2, amount, amount + 1, 3 * amount, 1, 0))
    index = _owner(scope, hold)
    return Act(index, Settle(hold, scope.world.nodes[index].owed.get(hold, cost)))


def release(scope: Scope) -> Act:
    hold = _hold(scope)
    return place_hold(scope) if hold is None else Act(_owner(scope, hold), Release(hold))


def give_back(scope: Scope) -> Act:
    """Mostly of a key that has something and is not in use."""
    if not scope.keys:
        return create(scope)
    accounts = scope.world.model.accounts
    ready = [k for k in scope.keys if not accounts[k.account].held and accounts[k.account].total]
    keys = ready if ready and scope.choices.percent(75) else scope.keys
    return Act(scope.node(), GiveBack(scope.choices.pick(keys)))


def claim(scope: Scope) -> Act:
    """A user redeems what was given back, perhaps only a part of it."""
    others = {key.account for key in scope.world.keys} - {key.account for key in scope.keys}
    gifts = [gift for gift in scope.world.outside.gifts[-20:] if gift.account not in others]
    if not gifts:
        return give_back(scope)
    gift = scope.choices.pick(gifts)
    mint, proofs = scope.world.mint(gift.token.mint), gift.token.proofs
    left = tuple(proof for proof in proofs if not mint.is_spent(proof.y()))
    if scope.choices.percent(30):
        left = left[:1]
    part = replace(gift.token, proofs=left)
    return Act(0, Redeem(part, mint, gift.saga, gift.token.unit))


def pay(scope: Scope) -> Act:
    """A request with a token for it alone."""
    return _pay(scope, buy(scope))


def pay_again(scope: Scope) -> Act:
    """The same with a token that was seen before."""
    return _pay(scope, scope.choices.pick(scope.tokens)) if scope.tokens else pay(scope)


def claim_change(scope: Scope) -> Act:
    """Mostly of a payment, and mostly of one that has something left."""
    world, choices = scope.world, scope.choices
    paid = [one for one in scope.tokens if one.ys in world.paid]
    have = {account for account, it in world.model.accounts.items() if it.total}
    deposits = world.model.deposits
    left = [one for one in paid if one.ys in deposits and deposits[one.ys].account in have]
    tokens = (left or paid or scope.tokens) if choices.percent(90) else scope.tokens
    if not tokens:
        return pay(scope)
    one = choices.pick(tokens)
    return Act(scope.node(), ClaimChange(one, write(scope, one)))


def sweep(scope: Scope) -> Act:
    return Act(scope.node(), Sweep())


def recover(scope: Scope) -> Act:
    return Act(scope.node(), Recover())


def watch_claims(scope: Scope) -> Act:
    return Act(scope.node(), Watch())


PLANNERS: Final[dict[Planner, int]] = {
    place_hold: 32,
    settle: 34,
    release: 9,
    create: 2,
    top_up: 4,
    same_token: 3,
    overlapping_token: 1,
    spend_elsewhere: 1,
    give_back: 5,
    claim: 5,
    pay: 4,
    pay_again: 1,
    claim_change: 2,
    order_invoice: 3,
    pay_invoice: 3,
    ask_invoice: 2,
    ask_mints: 2,
    send_back: 2,
    pay_out: 2,
    end_payments: 2,
    move_between: 2,
    finish_moves: 1,
    tidy_up: 1,
    spend: 14,
    make_children: 3,
    reset_child: 1,
    revoke_child: 1,
    rotate: 2,
    set_terms: 3,
    refund_expired: 2,
    donate: 2,
    take_out: 2,
    pass_on: 5,
    pass_again: 3,
    pay_given_up: 1,
    ask_given_up: 1,
    watch_claims: 1,
    sweep: 2,
    recover: 1,
}
"""Rules of one request each, and how often they come."""
ALL: Final[tuple[Planner, ...]] = tuple(chain.from_iterable([p] * n for p, n in PLANNERS.items()))


def _pay(scope: Scope, one: UserToken) -> Act:
    """Its price is mostly within what the token is worth, and its cost within its price."""
    choices, net = scope.choices, max(one.net, 0)
    wanted = choices.pick((net, net, net // 2, net // 3, 2 * net, 3_000, 1))
    minimum = choices.pick((0, min(wanted, net) // 2, min(wanted, net), wanted))
    cost = choices.pick((None, 1, wanted // 2, wanted // 2, wanted, wanted + 1, 3 * wanted))
    request = f"payment-{scope.world.operations}-{choices.below(LARGE)}"
    asked = Pay(
        one,
        write(scope, one),
        minimum,
        wanted,
        cost and max(1, cost),
        request,
        lasts_s=choices.pick((0.0, 0.0, 0.0, 5.0)),
        stream=choices.percent(50),
    )
    return Act(scope.node(), asked)


def _hold(scope: Scope) -> int | None:
    """Mostly an open one, of the keys in scope."""
    accounts = {key.account for key in scope.keys}
    known = [(h, it) for h, it in scope.world.model.holds.items() if it.account in accounts]
    open_ones = [hold for hold, it in known if it.end is End.OPEN]
    if open_ones and not scope.choices.percent(12):
        return scope.choices.pick(open_ones)
    return scope.choices.pick([hold for hold, _ in known]) if known else None


def _owner(scope: Scope, hold: int) -> int:
    """Mostly the node that placed it."""
    nodes = scope.world.nodes
    owners = [index for index, node in enumerate(nodes) if hold in node.live | node.owed.keys()]
    if not owners or scope.choices.percent(10):
        return scope.node()
    return owners[0]
