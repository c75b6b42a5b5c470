"""Keys that change between the time they are looked up and the hold that they pay."""

from dataclasses import dataclass

from routstr.auth.terms import KeyTerms
from routstr.ledger.entries import Held, HoldRequest, KeyMark, Refused
from routstr.money import Msat
from tests.unit.proxy.harness import HELLO, KEY, Books, KeyPayer, running

GOOD = {"model": "good", "messages": HELLO}


@dataclass
class Marked(Books):
    """Takes holds only of the key as it is in version 2, which may spend ``left``."""

    left: int = 10**9

    async def hold(self, request: HoldRequest) -> Held | Refused:
        if request.mark != KeyMark(2, 5):
            return Refused(Msat(self.available), Msat(0), closed=False, stale=True)
        if request.minimum > self.left:
            left = Msat(self.left)
            return Refused(Msat(self.available), Msat(0), closed=False, allowance=left)
        return await super().hold(request)


async def test_a_key_that_has_changed_is_looked_up_again_and_pays() -> None:
    async with running(books=Marked()) as node:
        node.keys.key = KeyPayer(mark=KeyMark(1, 5))
        node.keys.changed = KeyPayer(mark=KeyMark(2, 5))
        answered = await node.chat()
        assert answered.status == 200
        assert node.keys.forgotten == [f"Bearer {KEY}"]
        await node.chat()
        assert len(node.keys.forgotten) == 1


async def test_a_key_that_changes_all_the_time_is_refused_like_an_unknown_one() -> None:
    async with running(books=Marked()) as node:
        node.keys.key = KeyPayer(mark=KeyMark(1, 5))
        answered, unknown = await node.chat(), await node.ask(GOOD, key="sk-nobody's")
        assert (answered.status, answered.json()["error"]) == (401, unknown.json()["error"])
        assert len(node.keys.forgotten) == 1


async def test_a_limit_that_is_reached_has_an_error_of_its_own() -> None:
    async with running(books=Marked(left=0)) as node:
        node.keys.key = KeyPayer(mark=KeyMark(2, 5))
        error = (await node.chat()).json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "balance_limit_exceeded")
        assert error["details"]["left"] == 0
        assert error["details"]["required"] > 0


async def test_headers_are_the_terms_of_the_key_that_a_token_becomes() -> None:
    async with running() as node:
        await node.chat()
        assert node.keys.terms == KeyTerms()
        headers = [("Key-Expiry-Time", "9"), ("Refund-LNURL", "a@b.example")]
        await node.ask(GOOD, headers=headers)
        assert node.keys.terms == KeyTerms(9_000, refund_address="a@b.example")
        refused = await node.ask(GOOD, headers=[("Key-Expiry-Time", "soon")])
        assert (refused.status, refused.json()["error"]["code"]) == (400, "invalid_parameter")
