"""The start page: what the node offers, for how much, and how to get a key."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from routstr.theme.engine import Theme, Visitor
from routstr.theme.routes import PageRoute, theme_of
from routstr.web.offer import Offer, Offers, cost_of, tokens
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
    theme, visitor = theme_of(request), Visitor.of(request)
    rows, options = _lists(theme, visitor, parts.offers, offer, calculated)
    return theme.page(
        request,
        "web/start.html",
        headers={"Vary": "Accept"},
        offer=offer,
        calculated=calculated,
        places=places,
        price_rows=rows,
        price_options=options,
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


def _lists(
    theme: Theme,
    visitor: Visitor,
    offers: Offers,
    offer: Offer | None,
    calculated: Mapping[str, Any] | None,
) -> tuple[Markup, Markup]:
    """The long parts of the page, of which all visitors of a language get the same."""

    def draw(part: str, **shown: object) -> str:
        return theme.render(f"web/price_{part}.html", visitor, offer=offer, places=places, **shown)

    def options(chosen: str) -> str:
        return draw("options", chosen=chosen)

    if offer is None:
        return Markup(), Markup()
    rows = offers.drawn(("rows", visitor.language), lambda: draw("rows"))
    chosen, usual = (calculated["row"].id if calculated else "", offer.for_words[:1])
    if usual and chosen == usual[0].id:
        listed = offers.drawn("options", lambda: options(chosen))
    else:
        listed = options(chosen)
    # drawn by templates, which have escaped it
    return Markup(rows), Markup(listed)  # noqa: S704


def _calculated(offer: Offer, asked: Mapping[str, str]) -> Mapping[str, Any] | None:
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
