"""A pricing rule: ``half-price``, what the tokens cost otherwise, at half of it."""

from dataclasses import replace

from routstr.catalog.models_file import ModelSpec
from routstr.catalog.rules import RULES, Priced, Terms


class HalfPrice:
    """Asked when prices change, never for a request; what it answers is published and charged."""

    def price(self, model: ModelSpec, terms: Terms) -> Priced | None:
        """Half the fee is half the price, in USD and in msat alike."""
        policy = replace(terms.policy, provider_fee=terms.policy.provider_fee / 2)
        return RULES["token"].price(model, replace(terms, policy=policy))
