"""Endpoints beside the models: stored responses, and what the operator's list prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routstr.assembly.plugins import NOTHING_MORE, Extensions
from routstr.auth.objects import Objects
from routstr.catalog.custom import load_custom
from routstr.catalog.service import Catalog
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.proxy.custom import CustomParts
from routstr.proxy.finder import Found
from routstr.proxy.hot import Serve, Upload
from routstr.proxy.once import Once
from routstr.proxy.stored import ENDPOINT, Noting, StoredResponses
from routstr.proxy.till import Till
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.routing import Router

FORGET_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class EndpointParts:
    """What these endpoints need of the node."""

    settings: Settings
    objects: Objects
    catalog: Catalog
    till: Till
    router: Router
    once: Once
    extensions: Extensions = NOTHING_MORE


def build_found(parts: EndpointParts, deadlines: Deadlines) -> Found:
    """Read the operator's list. Raises ``CustomFileError``, a :class:`ValueError`."""
    custom = CustomParts(
        parts.router,
        parts.catalog.current,
        parts.till,
        parts.objects,
        deadlines,
        parts.settings.upstream_name,
    )
    entries = load_custom(parts.settings.custom_endpoints_path, parts.extensions.custom)
    stored = StoredResponses(parts.objects, parts.router, deadlines)
    return Found(entries, custom, stored, parts.once)


def noted(routes: Mapping[str, Serve | Upload], objects: Objects) -> Mapping[str, Serve | Upload]:
    """The same routes; whose the responses are is noted."""
    serve = routes[ENDPOINT]
    assert not isinstance(serve, Upload), "responses are asked for in JSON"
    return {**routes, ENDPOINT: Noting(objects).around(serve)}


def start_forgetting(objects: Objects, supervisor: Supervisor) -> None:
    """Forget what providers do not keep any more."""
    supervisor.every("provider_objects", FORGET_SECONDS, objects.forget_old)
