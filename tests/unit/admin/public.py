"""The node's public interface, played: one invoice, one key, one model."""

from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

KEY = "sk-" + "5e" * 32
TOKEN = "cashuBpaid"
MODELS = [
    {"id": "dear", "sats_pricing": {"completion": 0.1, "max_cost": 90}},
    {"id": "cheap", "sats_pricing": {"completion": 1e-9, "max_cost": 0.5}},
    {"id": "unpriced", "sats_pricing": None},
    {"id": "free", "sats_pricing": {"completion": 0, "max_cost": 0}},
    {"id": "odd", "sats_pricing": {"max_cost": 0}},
    {
        "id": "draws",
        "sats_pricing": {"completion": 1, "max_cost": 0.1},
        "architecture": {"output_modalities": ["image"]},
    },
]
INVOICE = {
    "invoice_id": "a" * 64,
    "bolt11": "lnbc1paid",
    "amount_sats": 100,
    "expires_at": 1_800_000_000,
    "mint": "https://mint.example.com",
}


class Public:
    """``asked`` is what came; ``paid`` says whether the invoice is; ``broken`` refuses chats."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, Any]] = []
        self.paid = False
        self.broken = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        given = msgspec.json.decode(body) if body else None
        key = headers.get("authorization", "").removeprefix("Bearer ")
        self.asked.append((scope["method"], scope["path"], key, given))
        status, data = self._answer(scope["path"], given)
        await send({"type": "http.response.start", "status": status, "headers": []})
        encoded = msgspec.json.encode(data)
        await send({"type": "http.response.body", "body": encoded[:5], "more_body": True})
        await send({"type": "http.response.body", "body": encoded[5:]})

    def _answer(self, path: str, given: Any) -> tuple[int, Any]:
        error = {"error": {"message": "Refused.", "type": "t", "code": "c"}}
        match path.rpartition("/")[2]:
            case "models":
                return 200, {"data": MODELS}
            case "invoice":
                return (200, INVOICE) if given["amount_sats"] else (422, error)
            case "status":
                told = {"status": "paid", "api_key": KEY} if self.paid else {"status": "pending"}
                return 200, told
            case "create":
                good = given["initial_balance_token"] == TOKEN
                return (200, {"api_key": KEY}) if good else (400, error)
            case "completions" if not self.broken:
                usage = {"cost": {"total_msats": 1_500}, "remaining_balance_msats": 98_500}
                said = [{"message": {"content": "Hello <b>operator</b>"}}]
                return 200, {"choices": said, "usage": usage}
            case "info":
                return 200, {"balance": 100_000}
            case "refund":
                return 200, {"token": "cashuBrest", "refunded_msats": 98_000, "balance": 500}
            case _:
                return 500, error
