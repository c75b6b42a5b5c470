"""Endpoints of the operator's list at a played provider, and objects of keys in memory."""

import json
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, cast

from routstr.auth.objects import Bound, Owner
from routstr.catalog.custom import parse_custom
from routstr.errors import AuthError
from routstr.proxy.custom import CustomParts
from routstr.proxy.exchange import Exchange
from routstr.proxy.finder import Found
from routstr.proxy.hot import Serve
from routstr.proxy.stored import StoredResponses
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.routing import Router
from tests.unit.proxy.harness import KEY, PLAYED, SNAPSHOT, Node, running


@dataclass
class Shelf:
    """What is bound to the one key that there is; ``others`` exist and are somebody else's."""

    bound: dict[str, Bound] = field(default_factory=dict)

    async def owner(self, authorization: str | None, *, just_paid: bool = False) -> Owner:
        del just_paid
        if authorization != f"Bearer {KEY}":
            raise AuthError
        return Owner(7)

    async def bind(self, owner: Owner, provider: str, kind: str, bodies: Mapping[str, str]) -> None:
        assert owner == Owner(7)
        self.bound |= {
            name: Bound(name, provider, kind, body) for name, body in bodies.items() if name
        }

    async def find(self, owner: Owner, name: str) -> Bound | None:
        assert owner == Owner(7)
        return self.bound.get(name)

    async def all(self, owner: Owner, kind: str) -> list[Bound]:
        assert owner == Owner(7)
        return [one for one in self.bound.values() if one.kind == kind]

    async def forget(self, owner: Owner, name: str) -> None:
        assert owner == Owner(7)
        del self.bound[name]


class Never:
    """Nobody repeats anything; remembers which endpoints may be repeated."""

    def __init__(self) -> None:
        self.endpoints: list[str] = []

    def around(self, endpoint: str, serve: Serve) -> Serve:
        def once(exchange: Exchange, credentials: Credentials, body: bytes) -> Awaitable[None]:
            return serve(exchange, credentials, body)

        self.endpoints.append(endpoint)
        return once


def listed(
    *entries: dict[str, Any], shelf: Shelf | None = None
) -> AbstractAsyncContextManager[Node]:
    """A node with these entries; a price that is not given is 5 msat."""
    usual = {"method": "POST", "price": {"msat": 5}}
    parsed = parse_custom(json.dumps([{**usual, **entry} for entry in entries]).encode())
    objects = cast("Any", shelf or Shelf())

    def find(router: Router, till: Till, deadlines: Deadlines) -> Found:
        parts = CustomParts(router, lambda: SNAPSHOT, till, objects, deadlines, PLAYED)
        stored = StoredResponses(objects, router, deadlines)
        return Found(parsed, parts, stored, cast("Any", Never()))

    return running(find=find)
