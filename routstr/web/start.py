"""The start page: what the node offers, for how much, and how to get a key."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request, Response

from routstr.theme.routes import PageRoute, theme_of
from routstr.web.offer import Offer, cost_of, tokens
from routstr.web.parts import BrowserRoute, Parts, address_of
from routstr.web.places import places

USUAL_PROMPT: Final = 1_000
USUAL_COMPLETION: Final = 500

browser = APIRouter(route_class=BrowserRoute, include_in_schema=False)
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@browser.get("/")
async def start(request: Request, parts: Parts) -> Response:
    """Show what is offered."""
    offer = parts.offers.now()
    calculated = _calculated(offer, request.query_params) if offer is not None else None
    return theme_of(request).page(
        request,
        "web/start.html",
        headers={"Vary": "Accept"},
        offer=offer,
        calculated=calculated,
        places=places,
        settings=parts.settings,
        mints=parts.mints,
        uptime_s=parts.uptime_s,
        base=address_of(request, parts.settings),
    )


@router.get("/now")
async def now(request: Request, parts: Parts) -> Response:
    """Show whether the node serves, and its mints answer."""
    able, report = await parts.look()
    seen = report.get("mints")
    mints: Mapping[str, str] = seen if isinstance(seen, dict) else {}
    return theme_of(request).page(
        request,
        "web/now.html",
        able=able,
        open=report.get("deposits") == "open",
        mints=mints,
        uptime_s=parts.uptime_s,
    )


def _calculated(offer: Offer, asked: Mapping[str, str]) -> Mapping[str, object] | None:
    """What a request would cost, for who has no scripts; None: nothing is sold by words."""
    row = offer.find(asked.get("model", ""))
    if row is None:
        return None
    prompt = tokens(asked.get("input"), USUAL_PROMPT)
    completion = tokens(asked.get("output"), USUAL_COMPLETION)
    cost = cost_of(row, prompt, completion)
    return {
        "row": row, "input": prompt, "output": completion, "cost": cost, "usd": offer.usd(cost),
    }  # fmt: skip
