from fastapi import Response

from routstr.balance.parameters import private


def test_an_answer_about_money_is_kept_by_nobody() -> None:
    response = Response()
    private(response)
    assert response.headers["Cache-Control"] == "no-store"
