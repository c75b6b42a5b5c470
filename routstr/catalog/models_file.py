"""The models file: what the operator sells, at the provider's prices in USD.

The format is that of OpenRouter's model list: ``{"data": [...]}``, ``{"models": [...]}`` or a bare
list. Prices are USD per unit, as text or as JSON numbers; both are read as decimals, digit by
digit. A price of 0 is a price. A model without a price for ``prompt`` and ``completion``, for
pictures or for sound (:mod:`routstr.catalog.units`), or with ``"enabled": false``, is not sold
(except under fixed prices, which need none of the file's).
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from routstr.catalog.names import NameClash, index_names
from routstr.money import MAX_MSAT

MAX_USD: Final = Decimal(100_000)
MAX_DECIMALS: Final = 24
MAX_CONTEXT: Final = 1_000_000_000
FEE_MAX: Final = 100
FEE_DECIMALS: Final = 9
_PROBLEMS_SHOWN: Final = 20

T = TypeVar("T")


class ModelsFileError(ValueError):
    """The models file cannot be used; the message names every model and field at fault."""


class UsdPricing(msgspec.Struct, frozen=True):
    """Provider's prices, USD per unit, without this node's fees."""

    prompt: Decimal | None = None
    completion: Decimal | None = None
    request: Decimal | None = None
    image: Decimal | None = None
    web_search: Decimal | None = None
    internal_reasoning: Decimal | None = None
    input_cache_read: Decimal | None = None
    input_cache_write: Decimal | None = None
    input_cost_per_audio_token: Decimal | None = None
    output_cost_per_audio_token: Decimal | None = None
    input_cost_per_image_token: Decimal | None = None
    output_cost_per_image_token: Decimal | None = None
    output_cost_per_image: Decimal | dict[str, Decimal] | None = None
    input_cost_per_second: Decimal | None = None
    input_cost_per_character: Decimal | None = None
    audio: Decimal | None = None
    audio_output: Decimal | None = None
    image_token: Decimal | None = None

    @property
    def words(self) -> bool:
        """There is a price for words that are read and written."""
        return self.prompt is not None and self.completion is not None

    @property
    def pieces(self) -> bool:
        """There is a price for pictures, sound that is heard or text that is spoken."""
        others = (
            self.output_cost_per_image_token,
            self.output_cost_per_image,
            self.input_cost_per_second,
            self.input_cost_per_character,
        )
        return any(price is not None for price in others)


class TopProvider(msgspec.Struct, frozen=True):
    """Limits of the provider that serves the model."""

    context_length: int | None = None
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None


class FixedSats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's own prices of one model, in sat, instead of the provider's in USD."""

    request: Decimal = Decimal(0)
    input_per_1k: Decimal = Decimal(0)
    output_per_1k: Decimal = Decimal(0)


class ModelSpec(msgspec.Struct, frozen=True):
    """One model of the file, in the provider's terms.

    The last fields are the operator's alone: ``free`` gives the model away, ``fixed`` and
    ``base_msats`` (per request, on top of its tokens) price it, ``provider_fee`` is the factor on
    its prices instead of its provider's, ``pricing_rule`` names who prices it, ``provider`` says
    whose model it is (None: the one of the settings).
    """

    id: str
    name: str = ""
    created: int = 0
    description: str = ""
    context_length: int | None = None
    architecture: dict[str, Any] = {}
    pricing: UsdPricing = UsdPricing()
    top_provider: TopProvider | None = None
    per_request_limits: dict[str, Any] | None = None
    canonical_slug: str | None = None
    alias_ids: tuple[str, ...] | None = None
    forwarded_model_id: str | None = None
    enabled: bool = True
    free: bool = False
    fixed: FixedSats | None = None
    base_msats: int | None = None
    provider_fee: Decimal | None = None
    pricing_rule: str | None = None
    provider: str | None = None

    @property
    def priced(self) -> bool:
        """The file says what input and output cost, or pictures or sound."""
        return self.pricing.words or self.pricing.pieces

    @property
    def context_tokens(self) -> int:
        """Tokens that fit into the model; the provider's own limit wins over the model's."""
        of_provider = self.top_provider.context_length if self.top_provider else None
        return of_provider or self.context_length or 0

    @property
    def completion_tokens(self) -> int | None:
        """The provider's limit of output tokens, when the file tells it."""
        return (self.top_provider.max_completion_tokens if self.top_provider else None) or None


def load_models(path: Path) -> tuple[ModelSpec, ...]:
    """Read and check the file; every fault is a :class:`ModelsFileError` with the file's name."""
    return _loaded(path, parse_models)


def load_entries(path: Path, *, whole: bool) -> tuple[dict[str, Any], ...]:
    """The file's entries as they are written, checked as :func:`parse_models` does."""

    def parse(text: bytes) -> tuple[dict[str, Any], ...]:
        parse_models(text, whole=whole)
        return tuple(read_items(text))

    return _loaded(path, parse)


def _loaded(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ModelsFileError(f"{path}: {error.strerror}") from error
    except ModelsFileError as error:
        raise ModelsFileError(f"{path}: {error}") from error


def parse_models(text: bytes, *, whole: bool = True) -> tuple[ModelSpec, ...]:
    """Read and check models; all faults of all models are told in one error.

    ``whole``: what a model needs to be sold must be there; else it may come from elsewhere.
    """
    models: list[ModelSpec] = []
    problems: list[str] = []
    for number, raw in enumerate(read_items(text), start=1):
        label = raw.get("id") if isinstance(raw, dict) else None
        who = f"model {label!r}" if isinstance(label, str) and label else f"model number {number}"
        try:
            spec = msgspec.convert(raw, ModelSpec)
        except msgspec.ValidationError as error:
            problems.append(f"{who}: {_field_and_reason(error)}")
            continue
        models.append(spec)
        problems.extend(f"{who}: {problem}" for problem in problems_of(spec, whole=whole))
    problems.extend(_duplicates(models))
    if not problems:
        problems.extend(_clashes(models))
    if problems:
        left = len(problems) - _PROBLEMS_SHOWN
        more = [f"and {left} more"] if left > 0 else []
        raise ModelsFileError("; ".join(problems[:_PROBLEMS_SHOWN] + more))
    return tuple(models)


def _clashes(models: Sequence[ModelSpec]) -> Iterator[str]:
    """Names that two models of one provider would share."""
    for provider in dict.fromkeys(model.provider for model in models):
        try:
            index_names([one for one in models if one.enabled and one.provider == provider])
        except NameClash as error:
            yield str(error)


def read_items(text: bytes) -> list[Any]:
    """The entries of a list of models, unchecked; numbers with a point are decimals."""
    try:
        content = msgspec.json.Decoder(float_hook=Decimal).decode(text)
    except (msgspec.DecodeError, ArithmeticError, ValueError, RecursionError) as error:
        raise ModelsFileError(f"not valid JSON: {error}") from error
    if isinstance(content, dict):
        content = content.get("data", content.get("models"))
    if not isinstance(content, list):
        raise ModelsFileError('wanted {"data": [...]}, {"models": [...]} or a list of models')
    return content


def _field_and_reason(error: msgspec.ValidationError) -> str:
    reason, _, path = str(error).rpartition(" - at `$")
    return f"{path.strip('.`')}: {reason}" if reason else str(error)


def problems_of(spec: ModelSpec, *, whole: bool = True) -> Iterator[str]:
    """Everything that keeps a model from being sold, other than having no price.

    Not ``whole``: what is missing may still come from a list.
    """
    if not spec.id.strip():
        yield "id: must not be empty"
    for field, price in _prices(spec.pricing):
        if problem := _price_problem(price):
            yield f"pricing.{field}: {problem}"
    words = whole and (spec.pricing.words or not spec.pricing.pieces)
    if not (1 if words else -1) < spec.context_tokens <= MAX_CONTEXT:
        yield (
            "context_length: must be given (2 or more): what a request may cost at most, "
            "and so what a balance must hold, is computed from it"
        )
    limit = spec.completion_tokens
    if limit is not None and not 0 < limit <= MAX_CONTEXT:
        yield "top_provider.max_completion_tokens: must be positive"
    if spec.created < 0:
        yield "created: must not be negative"
    yield from _own_price_problems(spec)


def _own_price_problems(spec: ModelSpec) -> Iterator[str]:
    if spec.base_msats is not None and not 0 <= spec.base_msats <= MAX_MSAT:
        yield "base_msats: must be msat, 0 or more"
    if spec.provider_fee is not None and not is_fee(spec.provider_fee):
        yield f"provider_fee: must be a factor above 0 and up to {FEE_MAX}"
    if spec.fixed is not None:
        for name in FixedSats.__struct_fields__:
            if not is_price(getattr(spec.fixed, name)):
                yield f"fixed.{name}: must be sat, 0 or more"


def is_fee(fee: Decimal) -> bool:
    """Whether a number can be a factor on prices; 0 cannot, it would give everything away."""
    if not fee.is_finite() or not 0 < fee <= FEE_MAX:
        return False
    exponent = fee.as_tuple().exponent
    return not isinstance(exponent, int) or exponent >= -FEE_DECIMALS


def is_price(price: Decimal) -> bool:
    """Whether a number can be a price at all; 0 can."""
    return _price_problem(price) is None


def _prices(pricing: UsdPricing) -> Iterator[tuple[str, Decimal]]:
    for field in UsdPricing.__struct_fields__:
        price = getattr(pricing, field)
        if isinstance(price, dict):
            yield from ((f"{field}.{name}", one) for name, one in price.items())
        elif price is not None:
            yield field, price


def _price_problem(price: Decimal) -> str | None:
    if not price.is_finite():
        return "must be a number"
    if price < 0:
        return "must not be negative"
    if price > MAX_USD:
        return f"must be USD per unit, at most {MAX_USD}"
    exponent = price.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        return f"has more than {MAX_DECIMALS} decimal places"
    return None


def _duplicates(models: Sequence[ModelSpec]) -> Iterator[str]:
    seen: set[tuple[str | None, str]] = set()
    for model in models:
        if (key := (model.provider, model.id.lower())) in seen:
            yield f"model {model.id!r}: id: is listed twice"
        seen.add(key)
