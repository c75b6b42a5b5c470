"""What users may do next with ecash of a mint that the node keeps no money at."""

from dataclasses import replace
from typing import Final

from routstr.auth.service import Payer
from tests.fuzz import lifecycle
from tests.fuzz.fate import CALLS, COMMITS, DEADLY, Call
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.late import AskGivenUp, PayLate
from tests.fuzz.lightning import Fortune
from tests.fuzz.offering import UserToken
from tests.fuzz.outside import FOREIGN
from tests.fuzz.over_keys import rotate
from tests.fuzz.passing import Pass
from tests.fuzz.paying_out import EndPayments
from tests.fuzz.performing import delay, moved, perform, slow_down
from tests.fuzz.receiving import Receive
from tests.fuzz.scope import FOREIGN_PLACES, KEYS_MAX, Scope, buy, write
from tests.fuzz.tasks import Recover, Redeem
from tests.fuzz.world import Act

_LUCK: Final = (*(Fortune.PAID,) * 6, *Fortune)
_PAYING: Final = (
    *(Call.LOST_BEFORE, Call.LOST_AFTER, Call.BROKEN_AFTER, Call.BUSY_AFTER),
    *(Call.ECHO, Call.GARBLED, Call.DIES_AFTER),
)
"""What befalls the call that spends a token, or the one that takes what it paid for."""
_SEEN_LATELY: Final = 12
_CALLS: Final = 10
"""How many calls, or commits, there are from a token to its credit, about."""


def bring(
    scope: Scope, one: UserToken, payer: Payer | None = None, *, bearer: bool = False
) -> Receive:
    """Give a token for a new key, or to top one up, wherever it is from."""
    text = write(scope, one)
    if one.is_foreign:
        return Pass(one, text, payer, bearer, scope.choices.pick(_LUCK))
    return Receive(one, text, payer, bearer)


def pass_on(scope: Scope) -> Act:
    """A new one: for a new key, or with many keys as a top-up."""
    return _offered(scope, buy(scope, FOREIGN_PLACES))


def pass_again(scope: Scope) -> Act:
    """One that was seen before, mostly for the same."""
    seen = [one for one in scope.tokens if one.is_foreign][-_SEEN_LATELY:]
    if not seen:
        return pass_on(scope)
    choices, one = scope.choices, scope.choices.pick(seen)
    wish = scope.world.wishes.get(one.ys)
    if wish is None or choices.percent(25):
        return _offered(scope, one)
    account = choices.pick(sorted({end[1] or 0 for end in wish.ends}))
    payers = [key for key in scope.keys if key.account == account]
    return Act(scope.node(), bring(scope, one, choices.pick(payers) if payers else None))


def pay_given_up(scope: Scope) -> Act:
    """A mint pays what it had said that it did not."""
    mint = scope.world.mint(FOREIGN)
    assert isinstance(mint, ForeignMint)
    return Act(0, PayLate(mint))


def ask_given_up(scope: Scope) -> Act:
    return Act(scope.node(), AskGivenUp(scope.world.observer))


async def pass_in_trouble(scope: Scope) -> None:
    """Something breaks while a token is on its way; then it is asked for again, or gone."""
    choices, world, index = scope.choices, scope.world, scope.node()
    node, one = world.nodes[index], buy(scope, FOREIGN_PLACES)
    commits = COMMITS[node.db.dialect]
    trouble = choices.pick(choices.pick((CALLS, _PAYING, _PAYING, _PAYING, DEADLY, commits)))
    if trouble in _PAYING and choices.percent(75):
        node.fate.arm(trouble, at=1, only=choices.pick(("melt", "melt", "mint")))
    else:
        node.fate.arm(trouble, at=1 + choices.below(_CALLS))
    acts = [moved(_offered(scope, one), index)]
    if choices.percent(30):
        acts.append(_offered(scope, one)._replace(delay_s=delay(scope)))
        slow_down(world, slow=True)
    await perform(world, *acts)
    slow_down(world, slow=False)
    if trouble in DEADLY:
        await lifecycle.crash(world, index, noticed=choices.percent(70))
    if choices.percent(40):
        await perform(world, Act(0, Redeem(one.token, one.mint, None, one.token.unit)))
    if choices.percent(50):
        await perform(world, Act(0, EndPayments(one.mint)))
    if choices.percent(30):
        await perform(world, pay_given_up(scope))
    await perform(world, Act(scope.node(), Recover()))
    for _ in range(choices.below(3)):
        await perform(world, _offered(scope, one))


async def pay_after_all(scope: Scope) -> None:
    """A mint refuses, a token is given again, and the mint pays both times."""
    choices, world, one = scope.choices, scope.world, buy(scope, FOREIGN_PLACES)
    act = _offered(scope, one)
    assert isinstance(act.operation, Pass)
    await perform(world, act._replace(operation=replace(act.operation, luck=Fortune.FAILED)))
    again = act._replace(operation=replace(act.operation, luck=Fortune.PAID))
    late = [pay_given_up(scope), ask_given_up(scope)]
    for act in choices.pick(([again, *late], [*late, again], [late[0], again, late[1]])):
        await perform(world, act)
        if choices.percent(30) and world.keys:
            await perform(world, rotate(replace(scope, keys=(world.keys[-1],))))


def _offered(scope: Scope, one: UserToken) -> Act:
    choices = scope.choices
    many = len(scope.world.keys) >= KEYS_MAX
    payer = choices.pick(scope.keys) if scope.keys and (many or choices.percent(50)) else None
    return Act(scope.node(), bring(scope, one, payer, bearer=choices.percent(20)))
