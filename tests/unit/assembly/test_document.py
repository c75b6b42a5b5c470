from routstr.assembly.document import Api
from routstr.core.rendering import install_error_handlers
from routstr.proxy.dialects.choices import CHAT
from tests.unit.core.asgi import ask


def test_the_document_has_the_paid_routes_that_are_served_and_those_of_the_api() -> None:
    api = Api()

    @api.get("/v1/info")
    def info() -> str:
        return ""

    assert {"/v1/chat/completions", "/v1/audio/speech", "/v1/info"} <= set(api.openapi()["paths"])
    assert api.openapi() is api.openapi()

    less = Api()
    less.dialects, less.pieces = (CHAT,), ()
    free = {"/v1/estimate", "/v1/messages/count_tokens"}
    assert set(less.openapi()["paths"]) == {"/v1/chat/completions", *free}


def test_every_operation_may_be_refused() -> None:
    document = Api().openapi()
    for item in document["paths"].values():
        for operation in item.values():
            refused = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert refused == {"$ref": "#/components/schemas/Error"}
    assert document["components"]["schemas"]["Error"]["required"] == ["error", "request_id"]


async def test_a_paid_path_has_one_method() -> None:
    api = Api()
    install_error_handlers(api)
    api.post_only()
    answer = await ask(api, "GET", CHAT.endpoint)
    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert (await ask(api, "POST", CHAT.endpoint)).status == 404, "nobody sells here"
