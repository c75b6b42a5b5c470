"""What a request may cost: the gate that clients know, the admission, the hold. Pure.

Three amounts, all in msat and never in another order::

    admit <= want         the balance that is enough to be served, and what is set aside for it
    admit <= gate         the published formula, which clients recompute from GET /v1/models

``want`` is the worst case of this very body. A balance between ``admit`` and ``want`` is served
too: the hold is then all of it, and :func:`affordable_output_tokens` says which limit to forward so
that the answer stays inside the hold.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final

from msgspec import Struct

from routstr.catalog.snapshot import PER_MSAT, Goods, ModelEntry, Rates
from routstr.errors import InvalidParameter, NotPriced
from routstr.money import MAX_MSAT, ZERO, Msat, known_msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.tokens import PromptEstimate
from routstr.payment.usage import Usage

MAX_OUTPUT: Final = 10**7
MAX_CHOICES: Final = 128
CLIENT_TOLERANCE: Final = Decimal(1)
"""Percent that clients take off the worst case; a smaller one here would lock them out."""
LEAST_REQUEST: Final = Msat(1)
GATE_SLACK_MSAT: Final = 3
"""Clients round three times in binary floating point; each may come out one msat lower."""


class QuotePolicy(Struct, frozen=True, gc=False):
    """The operator's part: TOLERANCE_PERCENTAGE, MIN_REQUEST_MSAT, MIN_OUTPUT_TOKENS.

    ``bill_empty`` (BILL_EMPTY_ANSWERS): answers that say nothing are charged as they are reported.
    """

    tolerance_percent: Decimal = CLIENT_TOLERANCE
    min_request: Msat = LEAST_REQUEST
    min_output_tokens: int = 16
    bill_empty: bool = True


class RequestLimits(Struct, frozen=True, gc=False):
    """How much output a request asks for.

    ``max_output``: tokens of one answer, the largest of the limits that the request names; None
    when it names none. ``choices``: how many answers. ``max_tokens``: that one name alone, the
    only one in the clients' formula.
    """

    max_output: int | None = None
    choices: int = 1
    max_tokens: int | None = None


_CHOICES: Final = ("n", "best_of")
_TEXT: Final = Goods.TEXT.value  # asking the flag itself takes a microsecond
NO_OUTPUT: Final = RequestLimits(max_output=0)
"""Of a request that no limit of tokens fits to a balance."""


class Quote(Struct, frozen=True, gc=False):
    """What one request may cost.

    ``max_output_tokens`` is the output per answer that ``want`` pays for. ``input_cost`` (all that
    does not depend on the output) and ``output_rate`` (one token in each answer) are the parts of
    ``want`` in rate units.
    """

    admit: Msat
    want: Msat
    gate: Msat
    max_output_tokens: int
    input_cost: int
    output_rate: int


def read_limits(
    body: Mapping[str, object], entry: ModelEntry, names: tuple[str, ...]
) -> RequestLimits:
    """Read and check the limits of a request; :class:`InvalidParameter` names the one at fault.

    ``names`` are what the endpoint calls the most output tokens; any other name binds no provider.
    An endpoint without names has no output.
    """
    if not names:
        return RequestLimits(max_output=0)
    most = max_tokens = None
    for name in names:
        if name in body and (limit := _whole(body, name, MAX_OUTPUT)) is not None:
            if most is None or limit > most:
                most = limit
            if name == "max_tokens":
                max_tokens = limit
    if most is not None and most > entry.context_length:
        most = entry.context_length
    choices = 1
    for name in _CHOICES:
        if name in body:
            choices = max(choices, _whole(body, name, MAX_CHOICES) or 1)
    prompts = body.get("prompt")
    if isinstance(prompts, list) and prompts and type(prompts[0]) is not int:
        choices *= len(prompts)
    return RequestLimits(most, choices, max_tokens)


def quote(
    entry: ModelEntry,
    estimate: PromptEstimate,
    limits: RequestLimits,
    policy: QuotePolicy,
    *,
    fit: bool = False,
) -> Quote:
    """Price one body. A free model costs nothing and needs no balance.

    ``fit``: an output limit that the request names may be lowered to what the balance pays.
    Raises :class:`NotPriced` for a model that sells no text.
    """
    rates = entry.rates
    if not entry.goods._value_ & _TEXT:
        raise NotPriced(
            f"Model {entry.id!r} has no price for text on this node. "
            "(pricing.prompt and pricing.completion)",
            details={"model": entry.id},
        )
    most = entry.output_limit if limits.max_output is None else limits.max_output
    if rates.free:
        return Quote(ZERO, ZERO, ZERO, most, 0, 0)
    lowered = fit or limits.max_output is None
    least = min(policy.min_output_tokens, most) if lowered else most
    input_cost = (
        rates.request + rates.image * estimate.images + rates.input_worst * estimate.worst_tokens
    )
    output_rate = rates.output_worst * limits.choices
    floor = int(policy.min_request)
    gate = max(floor, _gate(entry, estimate, limits, policy.tolerance_percent))
    admit = max(floor, min(_up(input_cost + output_rate * least), gate - GATE_SLACK_MSAT))
    want = max(admit, _up(input_cost + output_rate * most))
    return Quote(_msat(admit), _msat(want), _msat(gate), most, input_cost, output_rate)


def quote_most(rates: Rates, most: Iterable[Usage], policy: QuotePolicy) -> Quote:
    """Price what no limit of tokens can fit to a balance: the dearest of what may be used.

    The whole of it must be there. A free model costs nothing and needs no balance.
    """
    if rates.free:
        return Quote(ZERO, ZERO, ZERO, 0, 0, 0)
    dearest = max(int(calculate_request_cost(rates, usage).total) for usage in most)
    want = _msat(max(int(policy.min_request), dearest))
    return Quote(want, want, want, 0, int(want) * PER_MSAT, 0)


def affordable_output_tokens(quoted: Quote, hold: Msat) -> int | None:
    """The output limit per answer to forward with a hold; None when it covers the whole quote.

    Applies to a limit that the request names, too: with several answers or a prompt that the
    clients' formula underrates, an admitted balance may not pay for it. At least 1.
    """
    if hold >= quoted.want or not quoted.output_rate:
        return None
    tokens = (int(hold) * PER_MSAT - quoted.input_cost) // quoted.output_rate
    return max(1, min(tokens, quoted.max_output_tokens))


def _gate(
    entry: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, tolerance: Decimal
) -> int:
    """The worst case less a tolerance, less what the body leaves unused of input and output."""
    kept, whole = _kept(tolerance)
    unit = whole * PER_MSAT
    gate = entry.max_cost * kept // unit
    unused = entry.prompt_limit * kept - estimate.gate_tokens * whole
    gate -= max(0, unused * entry.rates.prompt // unit)
    if limits.max_tokens is not None:
        spent = limits.max_tokens * entry.rates.completion * whole
        gate -= max(0, (entry.max_completion * kept - spent) // unit)
    return gate


@lru_cache(maxsize=8)
def _kept(tolerance: Decimal) -> tuple[int, int]:
    """What a tolerance in percent, at least the clients', leaves, as an exact ratio."""
    return ((100 - max(tolerance, CLIENT_TOLERANCE)) / 100).as_integer_ratio()


def _whole(body: Mapping[str, object], name: str, most: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise InvalidParameter(
            f"{name} must be an integer from 1 to {most}.", details={"param": name}
        )
    return value


def _up(exact: int) -> int:
    return -(-exact // PER_MSAT)


def _msat(amount: int) -> Msat:
    return known_msat(min(amount, MAX_MSAT))
