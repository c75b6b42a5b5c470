"""Conversations over WebSockets, in front of the hot routes."""

from starlette.types import ASGIApp

from routstr.assembly.endpoints import EndpointParts
from routstr.assembly.limits import MaybeGate
from routstr.assembly.relay import quote_policy
from routstr.proxy.hot import HotRoutes, Serve, Surroundings, Upload
from routstr.proxy.realtime.dialing import ENDPOINT
from routstr.proxy.realtime.endpoint import RealtimeEndpoint, RealtimeParts
from routstr.proxy.realtime.route import RealtimeRoute


def with_realtime(
    hot: HotRoutes, parts: EndpointParts, around: Surroundings, gate: MaybeGate
) -> ASGIApp:
    """The hot routes and, beside them, conversations: under the same limits, if there are any."""
    policy = quote_policy(parts.settings)
    serve: Serve | Upload = RealtimeEndpoint(
        RealtimeParts(parts.router, parts.catalog.current, policy, parts.till)
    )
    if gate is not None:
        from routstr.proxy.limits.routes import guarded  # noqa: PLC0415 - only where it is used

        serve = guarded(gate, ENDPOINT, serve)
    assert not isinstance(serve, Upload), "a conversation is no form"
    return RealtimeRoute(hot, serve, around, lambda: hot.draining)
