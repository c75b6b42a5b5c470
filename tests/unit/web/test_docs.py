from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.openapi import paid_paths
from tests.unit.web.shop import MINT, Shop, catalog


def _shop() -> Shop:
    shop = Shop(catalog())
    made = {**shop.app.openapi()}
    made["paths"] = {
        **paid_paths(DIALECTS, PIECES),
        "/v1/{b}": {"get": {"tags": ["node"], "summary": "Reads <b>& shows."}},
    }
    shop.app.openapi_schema = made
    return shop


async def test_the_reference_tells_of_paid_requests_and_their_headers() -> None:
    answer = await _shop().get("/docs")
    page = answer.body.decode()
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")
    for told in ("POST /v1/chat/completions", "X-Cashu", "X-Routstr-Cost-Msats", "GET /v1/{b}"):
        assert told in page
    assert "Reads &lt;b&gt;&amp; shows." in page


async def test_language_models_read_how_to_pay() -> None:
    answer = await _shop().get("/llms.txt")
    text = answer.body.decode()
    assert (answer.header("content-type") or "").startswith("text/plain")
    assert text.startswith("# A node\n\n> Ours & yours\n")
    for told in ("http://node/v1", MINT, "POST /v1/chat/completions", "X-Cashu"):
        assert told in text
    assert "{" not in text.replace('{"amount_sats"', "").replace('{"initial_balance_token"', "")


async def test_programs_read_the_document() -> None:
    answer = await _shop().get("/openapi.json")
    assert (answer.header("content-type") or "").startswith("application/json")
    assert "/v1/chat/completions" in answer.json()["paths"]
