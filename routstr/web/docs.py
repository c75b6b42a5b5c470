"""The API for people (``/docs``) and for language models (``/llms.txt``)."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from routstr.theme.routes import PageRoute, theme_of
from routstr.web import reference
from routstr.web.parts import Parts, address_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LLMS: Final = """# {name}

> {description}

A Routstr node: APIs of AI models, paid request by request in bitcoin, by Lightning or with Cashu
ecash. There are no accounts. The API is that of OpenAI; base URL: {base}/v1

## Paying

- With a key: POST {base}/v1/balance/lightning/invoice with {{"amount_sats": 1000, "purpose":
  "create"}}, pay the invoice, and read the key from GET
  {base}/v1/balance/lightning/invoice/<invoice_id>/status. Or send a Cashu token as
  {{"initial_balance_token": "cashuB..."}} to POST {base}/v1/balance/create.
- Send it as "Authorization: Bearer sk-...". A Cashu token may stand there, too.
- Without a key: send "X-Cashu: <token>" with one request; the change comes back in the header
  X-Cashu, or in the last event of a stream, at metadata.routstr.change.
- 402 means: pay first. Its body tells how much, its header X-Cashu holds a payment request.
- Every answer tells its cost: usage.cost in msat (1000 msat are one sat), and headers
  X-Routstr-Cost-Msats and others. X-Max-Cost-Msat sets a ceiling for one request.
- What is left is given back by POST {base}/v1/balance/refund, at any time.
- Mints that are taken: {mints}

## Addresses

- [Models and prices]({base}/v1/models): JSON, prices in USD and in sat
- [Estimate]({base}/v1/estimate): POST a request, learn its cost, for nothing
- [Node]({base}/v1/info): name, mints, whether deposits are open
- [OpenAPI document]({base}/openapi.json): everything, for programs
- [API reference]({base}/docs): the same for people
{paid}"""


@router.get("/docs")
async def docs(request: Request, parts: Parts) -> Response:
    """Show what can be asked, and what it costs."""
    return theme_of(request).page(
        request,
        "web/docs.html",
        reference=reference.read(await request.app.document()),
        base=address_of(request, parts.settings),
    )


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Tell programs what can be asked."""
    return JSONResponse(await request.app.document())


@router.get("/llms.txt")
async def llms(request: Request, parts: Parts) -> Response:
    """Tell a language model how to use the node."""
    settings, paths = parts.settings, (await request.app.document())["paths"]
    paid = [
        f"- POST {path}: {does['post'].get('description', '')}"
        for path, does in paths.items()
        if reference.PAID in does.get("post", {}).get("tags", ())
    ]
    text = _LLMS.format(
        name=_line(settings.name),
        description=_line(settings.description),
        base=address_of(request, settings),
        mints=", ".join(parts.mints),
        paid="\n".join(["", "## Models are asked at", "", *paid, ""]),
    )
    return PlainTextResponse(text, headers={"X-Content-Type-Options": "nosniff"})


def _line(text: str) -> str:
    return " ".join(text.split())
