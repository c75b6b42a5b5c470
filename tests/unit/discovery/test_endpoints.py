"""The list of other nodes over HTTP."""

from typing import Any

from fastapi import FastAPI
from msgspec import Raw

from routstr.core.rendering import install_error_handlers
from routstr.core.secret import Secret
from routstr.discovery.directory import Known, Listed
from routstr.discovery.endpoints import router
from routstr.discovery.identity import Identity
from routstr.discovery.listing import provider_of
from routstr.discovery.probe import Health
from routstr.discovery.reviews import Review, Verdict
from routstr.discovery.schemas import ProviderList
from tests.unit.assembly.directories import idle
from tests.unit.core.asgi import Answer, ask
from tests.unit.discovery.nodes_played import announced

BOB, EVE = (Identity(Secret(f"{n}{n}" * 32)) for n in (1, 2))
ONION = f"http://{'a' * 56}.onion"
TOLD = {
    "id": "n",
    "pubkey": BOB.pubkey,
    "created_at": 1_000,
    "kind": 38_421,
    "endpoint_url": "https://bob.example.com",
    "endpoint_urls": ["https://bob.example.com", ONION],
    "onion_url": ONION,
    "name": "N",
    "description": "A",
    "mint_urls": [],
    "version": "",
    "content": '{"name":"N","about":"A"}',
    "review": {
        "verdict": "positive",
        "label": "lgtm",
        "created_at": 5,
        "reviewer": EVE.pubkey,
        "words": "good",
    },
}


def listed(me: Identity, *urls: str, health: Health, review: Review | None = None) -> Listed:
    provider = provider_of(announced(me, *urls))
    assert provider is not None
    return Listed(provider, health, review)


async def get(query: str = "", *, lists: bool = True, path: str = "/v1/providers/") -> Answer:
    directory = idle(lists=lists)
    directory.known = Known(
        1_000,
        (
            listed(
                BOB,
                "https://bob.example.com",
                ONION,
                health=Health(200, "info", Raw(b'{"name": "Bob"}')),
                review=Review(Verdict.POSITIVE, "lgtm", 5, EVE.pubkey, "good"),
            ),
            listed(EVE, "https://eve.example.com", health=Health(None, "error")),
        ),
    )
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    app.state.directory = directory

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "query_string": query.encode()}, receive, send)

    return await ask(asked, "GET", path)


async def test_nodes_are_told_one_by_one_and_as_the_document_says() -> None:
    told = (await get()).json()
    assert sorted(one["name"] for one in told["providers"]) == ["N", "N"]
    assert TOLD in told["providers"]
    for query in ("", "include_json=true"):
        answer = (await get(query)).json()
        assert ProviderList.model_validate(answer).model_dump(by_alias=True) == answer


async def test_their_health_is_told_on_request() -> None:
    told = (await get("include_json=true")).json()["providers"]
    healths = {one["provider"]["pubkey"]: one["health"] for one in told}
    assert healths == {
        BOB.pubkey: {"status_code": 200, "endpoint": "info", "json": {"name": "Bob"}},
        EVE.pubkey: {"status_code": None, "endpoint": "error", "json": None},
    }


async def test_those_of_one_key_can_be_asked_for() -> None:
    assert (await get(f"pubkey={BOB.pubkey.upper()}")).json() == {"providers": [TOLD]}
    assert (await get("pubkey=nobody")).json() == {"providers": []}


async def test_where_nodes_are_not_read_there_is_no_list() -> None:
    answer = await get(lists=False)
    assert answer.status == 404
    assert answer.json()["error"]["message"] == "Provider discovery is disabled"


async def test_the_list_has_one_address() -> None:
    moved = await get(path="/v1/providers")
    assert (moved.status, moved.header("location")) == (307, "http://node/v1/providers/")
