"""Two paid endpoints: one is charged by the model's tokens, one has a price of its own."""

from typing import Final

from routstr.catalog.custom import CustomEndpoint, Price
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.counted import Counted

CLASSIFY: Final[Dialect] = Counted("/v1/classify", "classify", "data", ("input",))
"""``POST /v1/classify`` as vLLM has it: reads, and is charged for what it reads."""

WEATHER: Final = CustomEndpoint("GET", "/v1/weather/{place}", Price(msat=700))
"""Anything at all, at 700 msat a request, from the provider of UPSTREAM_BASE_URL."""
