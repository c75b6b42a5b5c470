"""How each provider fares: whether it can be reached now, and how it has served this process."""

import asyncio
from typing import Final

from multidict import CIMultiDict

from routstr.errors import UpstreamError
from routstr.upstream.carrier import Carrier
from routstr.upstream.fleet import Fleet

CHECK_SECONDS_MAX: Final = 5.0
NONE_CONFIGURED: Final = "not configured: set UPSTREAM_BASE_URL or run routstr providers add"

Report = dict[str, object]
Reports = dict[str, Report]


class ProviderHealth:
    """Asks every provider for its list of models: any answer will do.

    That it takes requests, and for which key, shows in requests.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet: Final = fleet

    async def look(self) -> tuple[str, Reports]:
        """``ok`` while any provider can be reached, else why not; and a record of each."""
        carriers = list(self._fleet.carriers.values())
        if not carriers:
            return NONE_CONFIGURED, {}
        problems = await asyncio.gather(*map(_reach, carriers))
        now = asyncio.get_running_loop().time()
        told = {
            carrier.name: _told(carrier, problem, now)
            for carrier, problem in zip(carriers, problems, strict=True)
        }
        reached = next((problem for problem in problems if not problem), None)
        return ("ok" if reached is not None else f"unreachable: {problems[0]}"), told


async def _reach(carrier: Carrier) -> str:
    """Empty when there was an answer, else the code of what went wrong."""
    provider = carrier.lines[0].provider
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            url = provider.url("models")
            answer = await carrier.client.send(url, CIMultiDict(), b"", method="GET")
    except UpstreamError as error:
        return error.code
    except TimeoutError:
        return "upstream_timeout"
    answer.close()
    return ""


def _told(carrier: Carrier, problem: str, now: float) -> Report:
    """A provider's record. Times in seconds, rounded up."""
    breaker, lines = carrier.breaker, carrier.lines
    return {
        "reachable": not problem,
        "state": breaker.state(now),
        "failures_in_a_row": breaker.failures,
        "last_failure": problem or carrier.last_problem,
        "resting_seconds": -int(-breaker.rest_s(now) // 1),
        "keys": len(carrier.profile.keys),
        "keys_resting": sum(not line.awake(now, "") for line in lines),
        "keys_refused": sum(line.refused for line in lines),
    }
