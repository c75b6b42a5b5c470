"""Models that sell no words, and where they are asked."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import parse_models
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import Snapshot
from tests.unit.proxy.harness import BTC

GENERATE, EDIT = "/v1/images/generations", "/v1/images/edits"
SPEAK, HEAR = "/v1/audio/speech", "/v1/audio/transcriptions"
PRICES: Mapping[str, Mapping[str, Any]] = {
    "piece": {"output_cost_per_image": {"1024x1024": "0.04", "hd/1024x1024": "0.08"}},
    "drawn": {
        "prompt": "0.000005",
        "completion": "0.00001",
        "input_cost_per_image_token": "0.00001",
        "output_cost_per_image_token": "0.00004",
    },
    "spoken": {"input_cost_per_character": "0.000015"},
    "voice": {"prompt": "0.000001", "completion": "0", "output_cost_per_audio_token": "0.000012"},
    "heard": {"input_cost_per_second": "0.0001"},
    "ear": {"prompt": "0.000002", "completion": "0.00001", "audio": "0.000006"},
    "words": {"prompt": "0.000001", "completion": "0.000003"},
}
"""USD; one of them is a million msat here. Every request costs 1 msat beside."""


def _snapshot() -> Snapshot:
    models = [
        {
            "id": name,
            "pricing": pricing,
            "context_length": 8_000 if "prompt" in pricing else None,
        }
        for name, pricing in PRICES.items()
    ]
    policy = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), provider="played")
    return build_snapshot(
        parse_models(json.dumps(models).encode()), usd_per_btc=BTC, policy=policy, version=4
    )


SNAPSHOT = _snapshot()
