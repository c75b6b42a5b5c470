"""What the node of the matrix sells, and what it costs by the prices that it publishes.

Nothing here is the node's own code: the arithmetic is that of somebody who checks a bill.
"""

import json
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path
from typing import Any, Final

Units = Mapping[str, int]
"""What was used, by the name of its published price: ``{"prompt": 12, "completion": 6}``."""

CHATTY: Final = "chatty"
"""The provider that speaks chat completions and nothing else."""
TOOL: Final = "/v1/tools/{name}"
TOOL_MSAT: Final = 1_234
TOOL_KB_MSAT: Final = 7
_KB: Final = 1_000

UNEVEN: Final = {"BTC_USD": "97531.5", "EXCHANGE_FEE": "1.005", "UPSTREAM_PROVIDER_FEE": "1.05"}
"""Settings that make prices with fractions of a msat."""

_WORDS: Final = {"prompt": "0.000002", "completion": "0.000008", "input_cache_read": "0.0000005"}
_MODELS: Final[Mapping[str, Mapping[str, Any]]] = {
    "words": _WORDS,
    "translated": _WORDS,
    "vectors": {"prompt": "0.00000013", "completion": "0"},
    "draws": {"output_cost_per_image": {"low/1024x1024": "0.00031", "1024x1024": "0.0017"}},
    "paints": {**_WORDS, "output_cost_per_image_token": "0.0000011"},
    "speaks": {"input_cost_per_character": "0.0000023"},
    "talks": {**_WORDS, "output_cost_per_audio_token": "0.0000031"},
    "converses": {
        **_WORDS,
        "input_cost_per_audio_token": "0.0000041",
        "output_cost_per_audio_token": "0.0000083",
    },
    "hears": {"input_cost_per_second": "0.000017"},
    "listens": {**_WORDS, "input_cost_per_audio_token": "0.0000013"},
}
_EXACT: Final = Context(prec=60, rounding=ROUND_CEILING)


def write_files(folder: Path) -> dict[str, str]:
    """Write what is sold; the settings that name the files."""
    top = {"context_length": 8_192, "max_completion_tokens": 1_024}
    models: list[dict[str, Any]] = [
        {"id": name, "name": name, "pricing": pricing, "top_provider": top}
        for name, pricing in _MODELS.items()
    ]
    for model in models:
        if model["id"] == "translated":
            model["provider"] = CHATTY
    tool = {
        "method": "POST",
        "path": TOOL,
        "upstream_path": "tools/{name}/chat/completions",  # where the played provider chats
        "price": {"msat": TOOL_MSAT},
        "per_kb_in": {"msat": TOOL_KB_MSAT},
    }
    files = {"MODELS_PATH": ({"data": models}), "CUSTOM_ENDPOINTS_PATH": [tool]}
    for name, content in files.items():
        (folder / f"{name.lower()}.json").write_text(json.dumps(content))
    return {name: str(folder / f"{name.lower()}.json") for name in files}


class PriceList:
    """``GET /v1/models`` as a client reads it, in sat, digit by digit."""

    def __init__(self, body: bytes) -> None:
        listed = json.loads(body, parse_float=Decimal, parse_int=Decimal)["data"]
        self._prices: Final = {model["id"]: model["sats_pricing"] for model in listed}

    def charge(self, model: str, units: Units) -> int:
        """Msat for a use of a model: the price of a request and of all units, rounded up once."""
        prices = self._prices[model]
        used = sum((_price(prices, name) * count for name, count in units.items()), Decimal(0))
        return _up((used + prices["request"]) * 1_000)


def tool_charge(body_bytes: int) -> int:
    """Msat for a call of the operator's own endpoint."""
    return TOOL_MSAT + TOOL_KB_MSAT * -(-body_bytes // _KB)


def fewest_tokens(text: str) -> int:
    """No vocabulary says so many words with fewer tokens."""
    return len(re.findall(r"\w+", text))


def _price(prices: Mapping[str, Any], name: str) -> Decimal:
    """``output_cost_per_image:low/1024x1024`` is an entry of a price that has several."""
    first, _, entry = name.partition(":")
    price = prices[first][entry] if entry else prices[first]
    assert isinstance(price, Decimal), f"{name} is {price!r}"
    return price


def _up(msat: Decimal) -> int:
    return int(msat.to_integral_value(rounding=ROUND_CEILING, context=_EXACT))
