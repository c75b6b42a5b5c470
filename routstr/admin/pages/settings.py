"""The page of the settings. A group is saved as a whole; what was not touched is not sent on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from msgspec import Struct

from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.settings.desk import ShownGroup
from routstr.admin.settings.endpoints import Desk
from routstr.admin.settings.fields import Kind
from routstr.errors import NotFound, SettingsInvalid
from routstr.theme.routes import PageRoute, form, is_part

WAS: Final = "was-"
"""Before a setting's name: the value that was shown, so that only what was changed is changed."""
RESET: Final = "reset"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
router = APIRouter(prefix="/admin/settings", route_class=PageRoute, include_in_schema=False)


class Said(Struct, frozen=True):
    """What became of a form: its group, what was ``typed`` and is not stored, what is ``wrong``."""

    group: str = ""
    typed: Mapping[str, str] = _NOTHING
    wrong: Mapping[str, str] = _NOTHING
    saved: bool = False


@router.get("")
async def show_page(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show all settings."""
    said = Said(request.query_params.get("saved", ""), saved=True)
    return await _page(request, signed, desk, said)


@router.post("/{group}")
async def save(request: Request, signed: Operator, desk: Desk, group: str) -> Response:
    """Change settings of a group, or set one back to its default."""
    before = await desk.group(group)
    if before is None:
        raise NotFound
    fields = await form(request)
    typed = _typed(before, fields)
    try:
        if name := fields.get(RESET):
            typed.pop(name, None)
            await desk.change({name: None})
        else:
            await desk.type_in(typed)
            typed = {}
    except SettingsInvalid as error:
        own = {one.name for one in before.settings}
        wrong = {name if name in own else "": text for name, text in error.problems.items()}
        said = Said(group, typed=typed, wrong=wrong or {"": error.message})
        return await _page(request, signed, desk, said, error.status)
    if is_part(request):
        return await _page(request, signed, desk, Said(group, typed=typed, saved=True))
    return RedirectResponse(f"/admin/settings?saved={group}#{group}", status_code=303)


def _typed(group: ShownGroup, fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed into fields and is not what was shown in them."""
    found: dict[str, str] = {}
    for one in group.settings:
        was = fields.get(f"{WAS}{one.name}")
        if one.locked or was is None:
            continue
        now = fields.get(one.name, "false" if one.kind is Kind.SWITCH else was)
        if now.replace("\r\n", "\n").strip() != was.replace("\r\n", "\n").strip():
            found[one.name] = now
    return found


async def _page(
    request: Request, signed: Signed, desk: Desk, said: Said, status: int = 200
) -> Response:
    """The page, or the one group that htmx asks for."""
    groups = await desk.groups()
    onion: str = getattr(request.app.state, "onion", str)()
    if is_part(request):
        (one,) = (found for found in groups if found.name == said.group)
        page = "settings_group.html"
        return show(request, signed, page, group=one, said=said, onion=onion, status=status)
    trouble = desk.options.trouble
    return show(
        request,
        signed,
        "settings.html",
        "settings",
        groups=groups,
        said=said,
        onion=onion,
        trouble=trouble,
        status=status,
    )
