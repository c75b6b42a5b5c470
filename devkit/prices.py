"""Models files for nodes under test: any model at a round price."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

BTC_USD: Final = "100000"
"""The rate that makes the prices below whole: one USD is 1,000,000 msat."""

PROMPT_MSAT: Final = 2
COMPLETION_MSAT: Final = 8
CACHE_READ_MSAT: Final = 1

PRICING: Final[Mapping[str, str]] = {
    "prompt": "0.000002",
    "completion": "0.000008",
    "input_cache_read": "0.000001",
}
"""USD per token. Without fees and at :data:`BTC_USD` a token costs the msat named above."""

IMAGE_MSAT: Final = 100
CHARACTER_MSAT: Final = 2
SECOND_MSAT: Final = 10
PIECES: Final[Mapping[str, Mapping[str, str]]] = {
    "draws": {"output_cost_per_image": "0.0001"},
    "speaks": {"input_cost_per_character": "0.000002"},
    "hears": {"input_cost_per_second": "0.00001"},
}
"""Models that sell no words, and USD for a picture, a character, a second of sound."""

AUDIO_INPUT_MSAT: Final = 32
AUDIO_OUTPUT_MSAT: Final = 64
TALKING: Final[Mapping[str, str]] = {
    **PRICING,
    "input_cost_per_audio_token": "0.000032",
    "output_cost_per_audio_token": "0.000064",
}
"""A model for conversations: words at the prices above, and tokens of sound."""

NO_FEES: Final[Mapping[str, str]] = {"EXCHANGE_FEE": "1", "UPSTREAM_PROVIDER_FEE": "1"}
"""Settings of a node that passes prices on as they are."""


def write_models(
    path: Path,
    ids: Iterable[str],
    *,
    pricing: Mapping[str, str] = PRICING,
    context: int = 8_192,
    completion: int = 1_024,
) -> Path:
    """Write a models file that sells each id; returns its path."""
    top = {"context_length": context, "max_completion_tokens": completion}
    models = [{"id": one, "name": one, "pricing": pricing, "top_provider": top} for one in ids]
    path.write_text(json.dumps({"data": models}))
    return path
