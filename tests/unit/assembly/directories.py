"""Directories that ask nobody."""

from typing import cast

from aiohttp import ClientSession

from routstr.core.clock import ManualClock
from routstr.discovery.directory import Directory
from routstr.discovery.probe import Probe
from routstr.discovery.relays import RelayPool

NO_SESSION = cast("ClientSession", None)


def idle(*, lists: bool = True) -> Directory:
    """One whose ``known`` is what the test says."""
    clock = ManualClock()
    pool, probe = RelayPool([], NO_SESSION, clock), Probe(NO_SESSION, tor=False)
    return Directory(pool, probe, clock, reviewer="", lists=lists)
