"""What can happen next: one client asks, several do at once, something breaks, time passes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from tests.fuzz import lifecycle
from tests.fuzz.fate import CALLS, COMMITS, DEADLY, Read
from tests.fuzz.holding import Settle
from tests.fuzz.mint import BriefSigner
from tests.fuzz.offering import UserToken
from tests.fuzz.outside import FIRST, FOREIGN, SECOND
from tests.fuzz.over_foreign import pass_again, pass_in_trouble, pass_on, pay_after_all
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
    move_between,
    order_invoice,
    pay_out,
    send_back,
    tidy_up,
)
from tests.fuzz.paying import Pay
from tests.fuzz.performing import delay, moved, perform, slow_down
from tests.fuzz.refunding import ClaimChange
from tests.fuzz.requests import (
    ALL,
    claim,
    claim_change,
    create,
    give_back,
    overlapping_token,
    pay,
    pay_again,
    place_hold,
    release,
    same_token,
    settle,
    spend_elsewhere,
    sweep,
    top_up,
    watch_claims,
)
from tests.fuzz.scope import FOREIGN_PLACES, PLACES, Planner, Scope, buy, write
from tests.fuzz.tasks import Recover, Sweep
from tests.fuzz.world import Act

_LONG_S: Final = 20.0


async def do(scope: Scope, planner: Planner) -> None:
    """One client asks."""
    await perform(scope.world, planner(scope))


_ON_TOKENS: Final[tuple[Planner, ...]] = (
    same_token,
    same_token,
    same_token,
    pay_again,
    pay_again,
    claim_change,
    overlapping_token,
    spend_elsewhere,
    donate,
)
_ON_MONEY: Final[tuple[Planner, ...]] = (
    place_hold,
    settle,
    release,
    give_back,
    send_back,
    ask_invoice,
    top_up,
    claim,
    sweep,
    watch_claims,
    *(spend, spend, spend, rotate, set_terms, refund_expired),
    *(make_children, reset_child, revoke_child),
)
_AT_MINTS: Final[tuple[Planner, ...]] = (
    *(give_back, give_back, top_up, create, pay, claim_change),
    *(order_invoice, ask_invoice, ask_mints, send_back, send_back, pay_out),
    *(move_between, tidy_up, donate, take_out, refund_expired),
    *(pass_on, pass_on, pass_again),
)


async def at_once(scope: Scope) -> None:
    """Several ask together: about one key, about one new token, at the mints, or about anything."""
    choices = scope.choices
    theme = choices.below(10)
    near, planners = scope, ALL
    if theme < 4:
        near, planners = scope.narrow(), _ON_MONEY
    elif theme < 7:
        near, planners = replace(scope.narrow(), tokens=(_token(scope),)), _ON_TOKENS
    elif theme < 9:
        planners = _AT_MINTS
    acts = [choices.pick(planners)(near) for _ in range(2 + choices.below(3))]
    if choices.percent(12):
        acts[0] = acts[0]._replace(hasty=choices.below(12))
    if choices.percent(25):
        acts = [act._replace(delay_s=delay(scope)) for act in acts]
        slow_down(scope.world, slow=True)
    await perform(scope.world, *acts)
    slow_down(scope.world, slow=False)


async def die(scope: Scope) -> None:
    """A node dies in the middle of something, and a new one starts and recovers."""
    choices, index = scope.choices, scope.node()
    scope.world.nodes[index].fate.arm(choices.pick(DEADLY), at=choices.pick((1, 1, 2, 2, 3)))
    near = scope.narrow()
    planners = choices.pick((ALL, _AT_MINTS, _ON_MONEY))
    acts = [choices.pick(planners)(near) for _ in range(1 + choices.below(2))]
    await perform(scope.world, *(moved(act, index) for act in acts))
    await lifecycle.crash(scope.world, index, noticed=choices.percent(70))
    await scope.world.step(Act(index, Recover()))


async def take_over(scope: Scope) -> None:
    """A node seems gone while it speaks to a mint, and the other one takes its operation over."""
    choices, index = scope.choices, scope.node()
    lifecycle.silence(scope.world, index)
    slow_down(scope.world, slow=True)
    act = moved(choices.pick(_AT_MINTS)(scope), index)
    other = 1 - index
    await perform(scope.world, act, Act(other, Recover(), delay_s=delay(scope)))
    slow_down(scope.world, slow=False)
    await lifecycle.come_back(scope.world, index)


async def settle_late(scope: Scope) -> None:
    """A hold expires because its node seems gone, its money is spent, then its request ends."""
    choices, index = scope.choices, scope.node()
    near = scope.narrow()
    placed = moved(place_hold(near), index)
    await perform(scope.world, placed)
    holds = sorted(scope.world.nodes[index].live)
    lifecycle.silence(scope.world, index)
    await perform(scope.world, Act(1 - index, Sweep()))
    await perform(scope.world, choices.pick((give_back, place_hold, top_up))(near))
    if holds:
        cost = choices.pick((1, 5_000, 1 << 40))
        await perform(scope.world, Act(index, Settle(holds[-1], cost)))
    await lifecycle.come_back(scope.world, index)


async def pay_late(scope: Scope) -> None:
    """A request that a token pays for outlives its hold, and its money is claimed meanwhile."""
    choices, index = scope.choices, scope.node()
    lifecycle.silence(scope.world, index)
    asked = choices.pick((pay, pay, pay_again))(scope).operation
    assert isinstance(asked, Pay)
    given = asked.given
    acts = [
        Act(index, replace(asked, lasts_s=_LONG_S)),
        Act(1 - index, Sweep(), delay_s=_LONG_S / 4),
        Act(1 - index, ClaimChange(given, write(scope, given)), delay_s=_LONG_S / 2),
    ]
    await perform(scope.world, *acts[: 2 + choices.below(2)])
    await lifecycle.come_back(scope.world, index)


async def fall_silent(scope: Scope) -> None:
    lifecycle.silence(scope.world, scope.node())


async def come_back(scope: Scope) -> None:
    """Silent nodes are seen again, dead ones are known to be dead."""
    for index in range(len(scope.world.nodes)):
        await lifecycle.come_back(scope.world, index)
    lifecycle.notice(scope.world)


async def let_time_pass(scope: Scope) -> None:
    scope.world.ground.clock.advance(seconds=scope.choices.pick((1, 31, 700, 30_000, 86_400)))


async def mint_trouble(scope: Scope) -> None:
    """A mint errs, mostly while something moves there."""
    choices, index = scope.choices, scope.node()
    scope.world.nodes[index].fate.arm(choices.pick(CALLS), at=choices.pick((1, 1, 1, 2, 2, 3, 4)))
    await perform(scope.world, moved(choices.pick(_AT_MINTS)(scope), index))


async def database_trouble(scope: Scope) -> None:
    """A commit fails, or nobody knows whether it did."""
    choices, index = scope.choices, scope.node()
    node = scope.world.nodes[index]
    node.fate.arm(choices.pick(COMMITS[node.db.dialect]), at=1 + choices.below(3))
    planners = choices.pick((ALL, _AT_MINTS))
    await perform(scope.world, moved(choices.pick(planners)(scope), index))


async def read_trouble(scope: Scope) -> None:
    """The database does not answer a question."""
    choices, index = scope.choices, scope.node()
    scope.world.nodes[index].fate.arm(Read.FAILS, at=1 + choices.below(8))
    planners = choices.pick((ALL, _AT_MINTS, _AT_MINTS))
    await perform(scope.world, moved(choices.pick(planners)(scope), index))


async def rotate_keys(scope: Scope) -> None:
    """A mint signs with other keys from now on."""
    choices = scope.choices
    mint = scope.world.mint(choices.pick((FIRST, SECOND, FOREIGN)))
    fee = choices.pick((0, 1) if mint.url == FIRST else (100, 250))
    mint.rotate(BriefSigner(fee=fee, version=1 + choices.below(2)))


Rule = Callable[[Scope], Awaitable[None]]
OTHERS: Final[dict[Rule, int]] = {
    at_once: 12,
    die: 1,
    take_over: 2,
    settle_late: 2,
    pay_late: 2,
    fall_silent: 1,
    come_back: 2,
    let_time_pass: 2,
    mint_trouble: 4,
    database_trouble: 3,
    read_trouble: 2,
    rotate_keys: 1,
    pass_in_trouble: 4,
    pay_after_all: 1,
}
"""Rules of several requests, or of none."""


def _token(scope: Scope) -> UserToken:
    """A new one, of any mint."""
    return buy(scope, FOREIGN_PLACES if scope.choices.percent(30) else PLACES)
