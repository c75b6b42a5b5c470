"""The payer's view of an account at the node: balance, refund, top-up, over plain HTTP."""

import json
from decimal import Decimal
from typing import Any

import aiohttp

from demo.failure import ShowFailed


class Account:
    """One credential at one node: an API key or, as here, ecash itself. Raises ShowFailed."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, credential: str) -> None:
        self._session = session
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {credential}"}

    async def balance(self) -> int:
        """What can be spent, in msat. The first question with new ecash deposits it."""
        info = await self._ask("GET", "/balance/info")
        return int(info["balance"])

    async def refund(self) -> tuple[str, int]:
        """Take everything back as a token; returns it and its value in msat."""
        answer = await self._ask("POST", "/balance/refund")
        if "sats" in answer:
            return str(answer["token"]), int(answer["sats"]) * 1_000
        return str(answer["token"]), int(answer["msats"])

    async def top_up(self, token: str) -> int:
        """Add ecash; returns what was credited, in msat."""
        answer = await self._ask("POST", "/balance/topup", {"cashu_token": token})
        return int(answer["msats"])

    async def prices(self, model: str) -> dict[str, Decimal]:
        """The published prices of a model, in msat per unit, with every digit."""
        models = (await self._ask("GET", "/models"))["data"]
        (sats,) = (one["sats_pricing"] for one in models if one["id"] == model)
        return {unit: Decimal(price) * 1_000 for unit, price in sats.items() if price is not None}

    async def _ask(
        self, method: str, path: str, body: dict[str, str] | None = None
    ) -> dict[str, Any]:
        async with self._session.request(
            method, self._base_url + path, json=body, headers=self._headers
        ) as response:
            text = await response.text()
        if not response.ok:
            raise ShowFailed(f"{method} {path} was answered {response.status}: {text[:500]}")
        answer: dict[str, Any] = json.loads(text, parse_float=Decimal)
        return answer
