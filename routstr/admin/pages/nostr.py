"""The node on Nostr, for people: its key, what is announced, how relays fare."""

from contextlib import suppress
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.nostr.desk import Announced, Shown
from routstr.admin.nostr.endpoints import Desk
from routstr.admin.pages.door import Operator, Signed, show
from routstr.core.secret import Secret
from routstr.errors import AdminError, RoutstrError
from routstr.theme.routes import PageRoute, form, is_part

HERE: Final = "/admin/nostr"
_DONE: Final = frozenset({"key", "cleared", "publish", "withdraw"})
router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


@router.get("")
async def look(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show it."""
    shown = await desk.show()
    if is_part(request):
        return show(request, signed, "nostr_state.html", **_seen(shown))
    done = request.query_params.get("done", "")
    return _page(request, signed, shown, done=done if done in _DONE else "")


@router.post("/key")
async def change_key(request: Request, signed: Operator, desk: Desk) -> Response:
    """Use another key, a new one, or none."""
    fields = await form(request)
    what = fields.get("what", "")
    nsec = Secret(fields.get("nsec", "").strip())
    try:
        if what == "create":
            await desk.create_key()
        elif what == "clear":
            await desk.change_key(Secret())
        elif nsec:
            await desk.change_key(nsec)
    except AdminError as error:
        return _page(request, signed, await desk.show(), wrong=error, status=error.status)
    return _back("cleared" if what == "clear" else "key")


@router.post("/publish")
async def publish(_signed: Operator, desk: Desk) -> Response:
    """Be found."""
    await desk.publish()
    return _back("publish")


@router.post("/withdraw")
async def withdraw(_signed: Operator, desk: Desk) -> Response:
    """Be found no more."""
    await desk.withdraw()
    return _back("withdraw")


def _page(
    request: Request,
    signed: Signed,
    shown: Shown,
    *,
    done: str = "",
    wrong: RoutstrError | None = None,
    status: int = 200,
) -> Response:
    return show(
        request,
        signed,
        "nostr.html",
        "nostr",
        status=status,
        done=done,
        wrong=wrong,
        **_seen(shown),
    )


def _seen(shown: Shown) -> dict[str, Any]:
    name, about = ("", "") if shown.announced is None else _told(shown.announced)
    return {"shown": shown, "told_name": name, "told_about": about}


def _told(announced: Announced) -> tuple[str, str]:
    """Name and description in the announcement."""
    with suppress(msgspec.MsgspecError):
        found = msgspec.json.decode(announced.content, type=dict[str, str])
        return found.get("name", ""), found.get("about", "")
    return "", ""


def _back(done: str) -> Response:
    return RedirectResponse(f"{HERE}?done={done}", status_code=303)
