"""Users learn of their keys from what they are told."""

from routstr.auth.invoice_status import Invoice
from tests.fuzz.operations import Answer
from tests.fuzz.passing import Passed
from tests.fuzz.paying_in import AskInvoice
from tests.fuzz.receiving import Receive
from tests.fuzz.world import Act, World


async def create(world: World, *acts: Act) -> None:
    """Do it, and remember the keys that users were told."""
    for act, answer in zip(acts, await world.step(*acts), strict=True):
        await learn_key(world, act, answer)


async def learn_key(world: World, act: Act, answer: Answer) -> None:
    """A user who was told of an account has its key."""
    operation, node = act.operation, world.nodes[act.node]
    told = answer.value
    have = {key.account for key in world.keys}
    if isinstance(operation, AskInvoice) and isinstance(told, Invoice) and told.api_key:
        account = world.model.deposits[operation.given.name].account
        if account not in have:
            world.keys.append(await node.auth.known_payer(f"Bearer {told.api_key}"))
    if not isinstance(operation, Receive) or told is None or operation.payer is not None:
        return
    if (told.account if isinstance(told, Passed) else told) not in have:
        world.keys.append(await node.auth.known_payer(f"Bearer {operation.text}"))
