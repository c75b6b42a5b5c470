"""Words of ``routstr pay`` reach its actions."""

import pytest

from routstr.cli import pay_actions
from tests.unit.cli.stage import Stage


@pytest.mark.parametrize(("done", "status"), [(True, 0), (False, 1)])
def test_a_request_ends_as_the_answer_does(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, done: bool, status: int
) -> None:
    asked: list[object] = []

    def request(*given: object, json: bool) -> bool:
        asked.extend((*given, json))
        return done

    monkeypatch.setattr(pay_actions, "request", request)
    said = stage.run("request", "https://x/v1", "--data", "{}", "--max-sat", "7", group="pay")
    assert said.status == status
    assert asked == [None, "https://x/v1", "{}", None, 7, False]
