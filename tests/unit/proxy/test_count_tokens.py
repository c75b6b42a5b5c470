from routstr.payment.tokens import prompt_estimate
from routstr.proxy.count_tokens import ENDPOINT
from tests.unit.proxy.harness import HELLO, running


async def test_counting_is_free_and_asks_nobody() -> None:
    asked = {"model": "good", "messages": HELLO, "system": "Be brief."}
    async with running() as node:
        answered = await node.ask(asked, path=ENDPOINT, key=None)
        assert answered.json() == {"input_tokens": prompt_estimate(asked).tokens}
        assert not node.books.holds
        assert not node.upstream.requests
        unknown = await node.ask({**asked, "model": "nobody"}, path=ENDPOINT)
        assert unknown.status == 400
        assert unknown.json()["type"] == "error"
