"""What payments come to, in words."""

import typer

from routstr.cli import tables
from routstr.cli.purse.paying import AnswerLost, Bill
from routstr.cli.purse.purse import Paid
from routstr.cli.purse.settling import End, Settlement
from routstr.core.explanation import explain


def bill_in_words(bill: Bill) -> str:
    """``cost 12 msat; 3 sat paid, 2 sat back, 1 sat spent``."""
    cost = "" if bill.cost_msat is None else f"cost {tables.amount(bill.cost_msat, 'msat')}; "
    paid, back, spent = (
        tables.amount(one, bill.unit) for one in (bill.paid, bill.back, bill.spent)
    )
    if bill.end is End.OPEN:
        return f"{cost}{paid} paid; the change is not here yet: {bill.problem}"
    return f"{cost}{paid} paid, {back} back, {spent} spent"


def told(error: BaseException, failed: str) -> str:
    """What went wrong, and what became of the money."""
    if isinstance(error, AnswerLost):
        return f"{explain(error)}; {bill_in_words(error.bill)}."
    return f"{failed}: {explain(error)}."


def tell_of(paid: Paid, ended: Settlement) -> None:
    """Say what became of a payment of an earlier command."""
    amount = tables.amount(paid.amount, paid.unit)
    if ended.end is End.OPEN:
        words = f"stays open: {ended.problem}"
    else:
        words = f"is settled, {tables.amount(ended.back, paid.unit)} came back"
    typer.echo(f"An earlier payment of {amount} to {paid.node} {words}.", err=True)
