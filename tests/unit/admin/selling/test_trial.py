from pathlib import Path
from typing import Literal

import pytest

from routstr.admin.selling.trial import TOKENS_MAX, TOKENS_USUAL
from tests.unit.admin.selling.shop import Played, open_shop


async def test_a_question_is_short_mended_and_told_with_its_cost(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        tried = await shop.models.test(shop.models.one("own", "maker/small"))
        assert (tried.worked, tried.status, tried.text) == (True, 200, "Hello <you>.")
        assert (tried.input_tokens, tried.output_tokens) == (10, 5)
        assert (tried.cost, tried.price) == (30, 51)  # 30 msat * 1.65, and 1 for the request
        asked = shop.played.asked[-1]
        assert asked["max_completion_tokens"] == TOKENS_USUAL
        assert (asked["model"], asked["stream"]) == ("maker/small", False)


async def test_answers_are_bounded_whatever_is_asked(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        question = {"messages": [], "max_completion_tokens": 10**6, "n": 50, "stream": True}
        await shop.models.test(shop.models.one("own", "maker/small"), question=question)
        asked = shop.played.asked[-1]
        assert asked["max_completion_tokens"] == TOKENS_MAX
        assert "n" not in asked
        assert asked["stream"] is False


@pytest.mark.parametrize(("refused", "status"), [({"sk-own"}, 401), (set(), 404)])
async def test_a_failure_is_told_and_is_no_failure_of_the_node(
    tmp_path: Path, refused: set[str], status: int
) -> None:
    async with open_shop(tmp_path, played=Played(refused)) as shop:
        kind: Literal["chat-completions", "embeddings"]
        kind = "chat-completions" if refused else "embeddings"
        tried = await shop.models.test(shop.models.one("own", "maker/small"), kind)
        assert (tried.worked, tried.status) == (False, status)
        assert tried.problem
        assert shop.fleet.carriers["own"].breaker.failures == 0
