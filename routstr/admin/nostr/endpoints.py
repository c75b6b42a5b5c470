"""Routes about the node on Nostr."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request

from routstr.admin.access import Guard, private
from routstr.admin.nostr.desk import NostrDesk
from routstr.admin.nostr.schemas import NostrAnswer, NsecChange, NsecChanged
from routstr.admin.schemas import Done
from routstr.admin.scopes import Scope
from routstr.core.late_route import LateRoute


def nostr_of(request: Request) -> NostrDesk:
    """The desk of the node that is asked."""
    return cast("NostrDesk", request.app.state.admin_nostr)


Desk = Annotated[NostrDesk, Depends(nostr_of)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(Guard(Scope.SETTINGS))],
)


@router.get("/nostr")
async def show_nostr(desk: Desk) -> NostrAnswer:
    """Tell the key, what is announced, and how each relay fares."""
    return NostrAnswer.of(await desk.show())


@router.patch("/nsec")
async def change_nsec(body: NsecChange, desk: Desk) -> NsecChanged:
    """Give the node another key; what the former one announced is taken back."""
    return NsecChanged(npub=await desk.change_key(body.nsec))


@router.post("/nostr/key")
async def create_nsec(desk: Desk) -> NsecChanged:
    """Make a new key for the node and keep it, sealed."""
    return NsecChanged(npub=await desk.create_key())


@router.post("/nostr/publish")
async def publish(desk: Desk) -> Done:
    """Be found, and look at once what relays hold. It is done within seconds."""
    await desk.publish()
    return Done()


@router.post("/nostr/withdraw")
async def withdraw(desk: Desk) -> Done:
    """Be found no more, until it is published again. It is done within seconds."""
    await desk.withdraw()
    return Done()
