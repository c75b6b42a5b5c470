"""The operator's first page: what is wrong, what there is, what is earned; live when it is open.

A stream of news ends after a while, and with the node; the browser opens another.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from routstr.admin.overview.charts import STEPS, Charts, table
from routstr.admin.overview.desk import Overview
from routstr.admin.overview.endpoints import Desk
from routstr.admin.pages.door import Operator, show, signed_in
from routstr.ledger.usage import Dimension
from routstr.theme.engine import SAFE_HEADERS, Visitor
from routstr.theme.routes import PageRoute, form, theme_of
from routstr.theme.texts import words

HERE: Final = "/admin"
_ROWS: Final = 8
_PARTS: Final = ("alerts", "tiles", "money")
"""What changes while somebody looks: each is sent when it has changed."""

Step = Annotated[str, Query(alias="by", pattern="^(hour|day|month)$")]

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


@router.get("")
async def look(request: Request, signed: Operator, desk: Desk, step: Step = "hour") -> Response:
    """Show it."""
    charts, statistics = Charts(desk.statistics), desk.statistics
    window = charts.window(step)
    return show(
        request,
        signed,
        "overview.html",
        "overview",
        now=await desk.read(),
        step=step,
        steps=list(STEPS),
        models=table(await statistics.earned(window, ("model",)), _ROWS),
        providers=table(await statistics.earned(window, ("provider",)), _ROWS),
        failures=(await statistics.failures(window))[:_ROWS],
    )


@router.get("/charts/{what}", dependencies=[Depends(signed_in)])
async def chart(request: Request, what: str, desk: Desk, step: Step = "hour") -> Response:
    """The figures of one chart, for ``charts.js``."""
    t = words(Visitor.of(request).language)
    charts = Charts(desk.statistics)
    if what == "earnings":
        found = await charts.earnings(step, (str(t("overview.revenue")), str(t("overview.cost"))))
    elif what == "requests":
        names = (str(t("overview.requests")), str(t("overview.failed")))
        found = await charts.requests(step, names)
    else:
        dimension: Dimension = "provider" if what == "providers" else "model"
        found = await charts.by(dimension, step, str(t("overview.others")))
    headers = {"Cache-Control": SAFE_HEADERS["Cache-Control"]}
    return Response(msgspec.json.encode(found), media_type="application/json", headers=headers)


@router.get("/live")
async def live(request: Request, signed: Operator, desk: Desk) -> Response:
    """News of the page as server-sent events; 204 when too many look."""
    if desk.pulse.full:
        return Response(status_code=204)
    visitor, theme = Visitor.of(request), theme_of(request)

    async def told() -> AsyncIterator[bytes]:
        last: dict[str, str] = {}
        async with aclosing(desk.pulse.watch()) as news:  # type: ignore[type-var]
            async for now in news:
                yield _changes(now, last)

    def _changes(now: Overview, last: dict[str, str]) -> bytes:
        events = []
        for part in _PARTS:
            text = theme.render(f"admin/overview_{part}.html", visitor, now=now, csrf=signed.csrf)
            if last.get(part) != text:
                last[part] = text
                lines = "".join(f"data: {line}\n" for line in text.splitlines())
                events.append(f"event: {part}\n{lines}\n")
        return "".join(events or [":\n\n"]).encode()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)


@router.post("/maintenance", dependencies=[Depends(signed_in)])
async def maintenance(request: Request, desk: Desk) -> Response:
    """Turn the switch."""
    await desk.maintenance.turn(on=(await form(request)).get("on") == "1")
    return RedirectResponse(HERE, status_code=303)


@router.post("/alerts/dismiss", dependencies=[Depends(signed_in)])
async def dismiss(request: Request, desk: Desk) -> Response:
    """Take an alert away that the operator has dealt with."""
    fields = await form(request)
    await desk.board.dismiss(fields.get("name", ""), fields.get("subject", ""))
    return RedirectResponse(HERE, status_code=303)
