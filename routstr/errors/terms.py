"""What would settle a refused request (NUT-24). Standard library only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """What a 402 tells a wallet that can pay by itself.

    ``request`` is the payment request for the ``X-Cashu`` header, empty when no mint is listed;
    it asks for a token of ``amount`` in ``unit`` of one of ``mints``. ``max_cost_msat`` is what the
    refused request costs at most. Both are None where nobody knows. ``topup_url`` is where a key
    takes a token.
    """

    request: str
    amount: int | None
    unit: str
    mints: tuple[str, ...]
    max_cost_msat: int | None
    topup_url: str
