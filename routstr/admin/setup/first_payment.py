"""The first paid request: the operator pays like any client, over the node's own public entrance.

The invoice's id is its claim: it stays with the browser that asked for it, and so can be taken up
again. A key is shown once to whoever paid for it; the rest goes back as a token when it is wanted.
"""

from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from routstr.admin.setup.own_door import OwnDoor, Reply
from routstr.money import Msat

QUESTION: Final = "Say hello to the operator of a new Routstr node, in one short sentence."
ANSWER_TOKENS_MAX: Final = 64
SATS_USUAL: Final = 100
MODELS_SHOWN: Final = 300
_OK: Final = 200
_ANSWER_CHARS_MAX: Final = 2_000


class PaymentProblem(Exception):
    """The node refused; the message is what it would tell any client."""


class Invoice(Struct, frozen=True):
    """An invoice to pay. ``id`` is a secret of whoever asked for it."""

    id: str
    bolt11: str
    sats: int
    expires_at: int
    mint: str


class Progress(Struct, frozen=True):
    """How far an invoice is, and the key that its payment made."""

    status: str
    key: str | None


class Paid(Struct, frozen=True):
    """A request that was paid. ``cost`` and ``balance`` in msat."""

    key: str
    model: str
    answer: str
    cost: Msat
    balance: Msat


class Refund(Struct, frozen=True):
    """What was given back."""

    token: str
    msat: Msat
    balance: Msat


class FirstPayment:
    """Each method is one call to the public interface. All raise :class:`PaymentProblem`."""

    def __init__(self, door: OwnDoor) -> None:
        self._door: Final = door

    async def models(self) -> list[str]:
        """What can be asked, the cheapest first."""
        reply = await self._door.call("GET", "/v1/models")
        listed = reply.data.get("data", [])
        priced = [(price, one["id"]) for one in listed if (price := _price(one)) is not None]
        return [name for _, name in sorted(priced)][:MODELS_SHOWN]

    async def invoice(self, sats: int, address: str) -> Invoice:
        """Ask for an invoice that makes a key."""
        body = {"amount_sats": sats, "purpose": "create"}
        path = "/v1/balance/lightning/invoice"
        data = _good(await self._door.call("POST", path, json=body, address=address))
        return Invoice(
            id=data["invoice_id"],
            bolt11=data["bolt11"],
            sats=data["amount_sats"],
            expires_at=data["expires_at"],
            mint=data["mint"],
        )

    async def progress(self, invoice_id: str) -> Progress:
        """See how far an invoice is."""
        path = f"/v1/balance/lightning/invoice/{invoice_id}/status"
        data = _good(await self._door.call("GET", path))
        return Progress(data["status"], data.get("api_key"))

    async def redeem(self, token: str) -> str:
        """The key that a token makes."""
        body = {"initial_balance_token": token.strip()}
        data = _good(await self._door.call("POST", "/v1/balance/create", json=body))
        return str(data["api_key"])

    async def ask(self, key: str, model: str) -> Paid:
        """Make a paid request with a key."""
        body = {
            "model": model,
            "messages": [{"role": "user", "content": QUESTION}],
            "max_tokens": ANSWER_TOKENS_MAX,
        }
        data = _good(await self._door.call("POST", "/v1/chat/completions", key=key, json=body))
        usage = data.get("usage", {})
        cost = usage.get("cost", {})
        left = usage.get("remaining_balance_msats")
        return Paid(
            key=key,
            model=model,
            answer=_answer(data),
            cost=Msat(int(cost.get("total_msats", 0))),
            balance=Msat(int(left)) if left is not None else await self.balance(key),
        )

    async def balance(self, key: str) -> Msat:
        """What a key can spend, in msat."""
        data = _good(await self._door.call("GET", "/v1/balance/info", key=key))
        return Msat(int(data["balance"]))

    async def give_back(self, key: str) -> Refund:
        """Turn what is left into a token."""
        data = _good(await self._door.call("POST", "/v1/balance/refund", key=key, json={}))
        refunded, left = Msat(int(data["refunded_msats"])), Msat(int(data["balance"]))
        return Refund(str(data["token"]), refunded, left)


def _good(reply: Reply) -> Any:  # noqa: ANN401 - JSON
    if reply.status != _OK:
        raise PaymentProblem(reply.problem or f"The node answered with status {reply.status}.")
    return reply.data


def _answer(data: Any) -> str:  # noqa: ANN401 - a provider's
    try:
        text = data["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        text = None
    return text[:_ANSWER_CHARS_MAX] if isinstance(text, str) else ""


def _price(model: Any) -> Decimal | None:  # noqa: ANN401 - JSON of the list
    """What orders models; None: it does not answer in words, or not for money."""
    pricing = model.get("sats_pricing")
    writes = "text" in model.get("architecture", {}).get("output_modalities", ["text"])
    if not isinstance(pricing, dict) or not writes:
        return None
    try:
        if Decimal(str(pricing["completion"])) <= 0:
            return None
        return Decimal(str(pricing["max_cost"]))
    except (KeyError, ArithmeticError):
        return None
