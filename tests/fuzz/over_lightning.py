"""What users and the operator may do next over Lightning."""

from tests.fuzz.lightning import HONEST, Fortune
from tests.fuzz.moving import FinishMoves, MoveBetween, TidyUp
from tests.fuzz.outside import FIRST, FOREIGN, SECOND
from tests.fuzz.paying_in import AskInvoice, AskMints, Ordering, PayInvoice, UserInvoice
from tests.fuzz.paying_out import EndPayments, PayOut, SendBack
from tests.fuzz.scope import KEYS_MAX, PLACES, Scope
from tests.fuzz.world import Act

_SATS = (1, 3, 21, 100, 640)
_FORTUNES = (Fortune.PAID, Fortune.PAID, *HONEST)


def order_invoice(scope: Scope) -> Act:
    """For a new key while there are few, else for one that is there."""
    choices = scope.choices
    many = len(scope.world.keys) + len(scope.world.unclaimed_invoices()) >= KEYS_MAX
    payer = choices.pick(scope.keys) if scope.keys and (many or choices.percent(60)) else None
    return Act(scope.node(), Ordering(payer, choices.pick(_SATS)))


def pay_invoice(scope: Scope) -> Act:
    """A user pays an invoice, mostly a new one."""
    found = _invoice(scope)
    if found is None:
        return order_invoice(scope)
    return Act(0, PayInvoice(found, scope.world.ground.network))


def ask_invoice(scope: Scope) -> Act:
    """A user wants to know what became of an invoice."""
    found = _invoice(scope)
    if found is None:
        return order_invoice(scope)
    return Act(scope.node(), AskInvoice(found, scope.world.ground.network))


def ask_mints(scope: Scope) -> Act:
    return Act(scope.node(), AskMints())


def send_back(scope: Scope) -> Act:
    """Mostly of a key that has something and is not in use."""
    if not scope.keys:
        return order_invoice(scope)
    accounts = scope.world.model.accounts
    ready = [k for k in scope.keys if not accounts[k.account].held and accounts[k.account].total]
    keys = ready if ready and scope.choices.percent(75) else scope.keys
    return Act(scope.node(), SendBack(scope.choices.pick(keys), scope.choices.pick(_FORTUNES)))


def pay_out(scope: Scope) -> Act:
    """All that the operator can have, or a sum of it."""
    choices = scope.choices
    own = scope.world.model.surplus // 1_000
    sats = choices.pick((None, None, 1, max(1, own // 2), own + 1))
    return Act(scope.node(), PayOut(sats, choices.pick(_FORTUNES)))


def move_between(scope: Scope) -> Act:
    """From where there is something to the other mint."""
    choices = scope.choices
    source, unit = choices.pick(PLACES)
    target = SECOND if source == FIRST else FIRST
    return Act(scope.node(), MoveBetween(source, target, choices.pick(_SATS), unit))


def tidy_up(scope: Scope) -> Act:
    return Act(scope.node(), TidyUp())


def finish_moves(scope: Scope) -> Act:
    return Act(scope.node(), FinishMoves())


def end_payments(scope: Scope) -> Act:
    return Act(0, EndPayments(scope.world.mint(scope.choices.pick((FIRST, SECOND, FOREIGN)))))


def _invoice(scope: Scope) -> UserInvoice | None:
    some = scope.world.invoices[-8:] if scope.choices.percent(80) else scope.world.invoices
    return scope.choices.pick(some) if some else None
