"""A paid request: parsed once, and written anew for the provider.

Writing it anew means that the provider reads exactly what the node has read: of two ``max_tokens``
in one body both see the last, and what is priced is what is sent.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from routstr.errors import InvalidJson, InvalidParameter
from routstr.proxy.unpriced import refuse_unpriced, shorten_caches

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode

MODEL_CHARS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Wording:
    """How an endpoint says what the node must know.

    ``limits`` are its names for the most output tokens; a request without any gets the first one.
    ``asks_for_usage``: its streams tell their usage only when they are asked to.
    """

    limits: tuple[str, ...]
    asks_for_usage: bool = False


class PaidRequest(Struct, frozen=True, gc=False):
    """A checked body. ``body`` is plain data and belongs to this request alone."""

    body: dict[str, object]
    model: str
    stream: bool
    wording: Wording

    @classmethod
    def parse(cls, raw: bytes, wording: Wording) -> "PaidRequest":
        """Read a body. Raises :class:`InvalidJson` or :class:`InvalidParameter`."""
        try:
            body: object = _decode(raw)
        except RecursionError:
            raise InvalidJson("The body is nested too deeply.") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise InvalidJson(_reason(error)) from None
        if not isinstance(body, dict):
            raise InvalidJson("The body must be a JSON object.")
        model = body.get("model")
        if not isinstance(model, str) or not (name := model.strip()):
            raise InvalidParameter("'model' must name a model.", details={"param": "model"})
        if len(model) > MODEL_CHARS_MAX:
            raise InvalidParameter("'model' is too long.", details={"param": "model"})
        return cls(body, name, _checked(raw, body), wording)

    def encode(self, upstream_model: str, output_limit: int | None) -> bytes:
        """The body for the provider.

        ``output_limit`` lowers the limits that the request names, or becomes the one that it lacks.
        Streams are always asked for their usage. To be called once: the body is changed.
        """
        body = self.body
        body["model"] = upstream_model
        if output_limit is not None:
            _limit(body, self.wording.limits, output_limit)
        if self.stream and self.wording.asks_for_usage:
            options = body.get("stream_options")
            known = options if isinstance(options, dict) else {}
            body["stream_options"] = {**known, "include_usage": True}
        try:
            return _encode(body)
        except RecursionError:
            raise InvalidJson("The body is nested too deeply.") from None


def _limit(body: dict[str, object], names: tuple[str, ...], output_limit: int) -> None:
    named = [name for name in names if body.get(name) is not None]
    for name in named or names[:1]:
        own = body.get(name)
        body[name] = min(own, output_limit) if isinstance(own, int) else output_limit


def _checked(raw: bytes, body: dict[str, object]) -> bool:
    """Refuse what the provider would bill otherwise than it was priced; tell whether it streams."""
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise InvalidParameter("'stream' must be true or false.", details={"param": "stream"})
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise InvalidParameter(
            "'stream_options' must be an object.", details={"param": "stream_options"}
        )
    refuse_unpriced(body)
    shorten_caches(raw, body)
    return bool(stream)


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.MsgspecError):
        return f"The body is not valid JSON: {error}."
    return "The body is not valid JSON: it is not UTF-8."
