from routstr.assembly.document import Api
from routstr.proxy.dialects.choices import CHAT


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
