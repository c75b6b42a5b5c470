import pytest
from fastapi import FastAPI

from routstr.core.rendering import install_error_handlers
from routstr.errors import InsufficientBalance, MintRateLimited
from routstr.theme.engine import Theme
from routstr.theme.problems import show_problems
from tests.unit.core.asgi import Answer, ask

BROWSER = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")


def _app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    show_problems(app)
    app.state.theme = Theme({"theme": "routstr.theme"}, {"name": "Node", "version": "0"})

    @app.get("/pay")
    async def _pay() -> None:
        raise InsufficientBalance("Needs <b>more.")

    @app.get("/wait")
    async def _wait() -> None:
        raise MintRateLimited(headers={"Retry-After": "7"})

    @app.get("/break")
    async def _break() -> None:
        raise ValueError("planted")

    return app


APP = _app()


async def _ask(path: str, *headers: tuple[str, str]) -> Answer:
    return await ask(APP, "GET", path, headers=headers)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/pay", 402, ("This has to be paid for", "Needs &lt;b&gt;more.", 'href="/key"')),
        ("/nowhere", 404, ("There is nothing here", 'href="/docs"')),
        ("/break", 500, ("Something broke on our side",)),
    ],
)
async def test_a_browser_gets_a_page(path: str, status: int, words: tuple[str, ...]) -> None:
    answer = await _ask(path, BROWSER)
    page = answer.body.decode()
    assert (answer.status, answer.header("vary")) == (status, "Accept")
    assert (answer.header("content-type") or "").startswith("text/html")
    assert [word for word in words if word not in page] == []
    assert "planted" not in page


async def test_a_part_of_a_page_gets_a_notice() -> None:
    answer = await _ask("/pay", BROWSER, ("HX-Request", "true"))
    assert (answer.status, b"<html" in answer.body) == (402, False)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html"])
async def test_a_program_gets_what_it_always_got(accept: str | None) -> None:
    answer = await _ask("/pay", *([("Accept", accept)] if accept else []))
    assert (answer.status, answer.json()["error"]["code"]) == (402, "insufficient_balance")


async def test_headers_of_the_error_are_kept() -> None:
    answer = await _ask("/wait", BROWSER)
    assert answer.header("retry-after") == "7"
    assert answer.all("content-length") == [str(len(answer.body))]
