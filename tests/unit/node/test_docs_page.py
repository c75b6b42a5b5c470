from routstr.node.docs_page import render


def test_every_operation_is_a_row_and_nothing_is_markup_by_accident() -> None:
    document = {
        "info": {"title": "A <b>node</b>"},
        "paths": {
            "/v1/a": {"get": {"summary": "A", "description": "Reads & shows."}, "post": {}},
            "/v1/{b}": {"get": {"summary": "B only"}},
        },
    }
    page = render(document)
    assert "A &lt;b&gt;node&lt;/b&gt;: endpoints" in page
    assert "<td><code>GET /v1/a</code></td><td>Reads &amp; shows.</td>" in page
    assert "<td><code>POST /v1/a</code></td><td></td>" in page
    assert "<td><code>GET /v1/{b}</code></td><td>B only</td>" in page


def test_nothing_is_fetched_from_elsewhere() -> None:
    page = render({"info": {"title": "x"}, "paths": {}})
    assert "http" not in page.replace("<!doctype html>", "").replace("<html", "").replace(
        "</html", ""
    )
    assert "<script" not in page
