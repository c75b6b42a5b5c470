"""Traces for OpenTelemetry, in the words of its conventions for generative AI.

Imported only where traces are wanted: the packages come with ``routstr[otel]``. What a span tells
is what an access line tells: never a prompt, an answer, a key or an address. A client's
``traceparent`` (W3C Trace Context) is the parent; providers get none.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from routstr.core.access_log import AccessRecord
from routstr.core.clock import Clock
from routstr.core.tracing import ATTEMPT, SETTLE, Step, Trace
from routstr.version import __version__

_SERVICE: Final = "routstr"
_UNKNOWN: Final = "unknown_service"
_PARENT: Final = (b"traceparent", b"tracestate")
_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_FAULT: Final = 500
_OPERATIONS: Final[Mapping[str, str]] = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
_OTHERS: Final = "generate_content"

_propagator: Final = TraceContextTextMapPropagator()

Attributes = dict[str, AttributeValue]


def exporting(endpoint: str) -> TracerProvider:
    """Send spans to a collector, in batches and by a thread of their own.

    ``endpoint`` is its base address. Everything else is told by OpenTelemetry's own environment
    variables: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS ...
    """
    resource = Resource.create({SERVICE_VERSION: __version__})
    if str(resource.attributes.get(SERVICE_NAME, _UNKNOWN)).startswith(_UNKNOWN):
        resource = resource.merge(Resource({SERVICE_NAME: _SERVICE}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class OtelTracer:
    """Makes spans of what requests did, when they are over."""

    def __init__(self, provider: TracerProvider, clock: Clock) -> None:
        self._tracer: Final = provider.get_tracer(_SERVICE, __version__)
        self._clock: Final = clock

    def begin(self) -> Trace:
        """A request has come."""
        return Trace(self._clock.monotonic)

    def finish(
        self, trace: Trace, record: AccessRecord, headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Make the request's span and one for each of its steps."""
        now_ns, now = self._clock.now_ms() * _NS_PER_MS, self._clock.monotonic()

        def at(moment: float) -> int:
            return now_ns - int((now - moment) * _NS_PER_S)

        span = self._tracer.start_span(
            f"{record.method} {record.endpoint}",
            _parent(headers),
            SpanKind.SERVER,
            _of_request(record),
            start_time=at(trace.began),
        )
        if span.is_recording():
            inside = set_span_in_context(span)
            for number, step in enumerate(trace.steps):
                served = step.name == ATTEMPT and _is_last(trace.steps[number + 1 :])
                self._tell(step, record, inside, (at(step.began), at(step.ended)), served=served)
        if record.status >= _FAULT:
            _failed(span, record.error or "error")
        span.end(at(now))

    def _tell(
        self,
        step: Step,
        record: AccessRecord,
        inside: Context,
        times: tuple[int, int],
        *,
        served: bool,
    ) -> None:
        name, kind, attributes = step.name, SpanKind.INTERNAL, Attributes()
        if step.name == ATTEMPT:
            kind, attributes = SpanKind.CLIENT, _of_attempt(step, record)
            name = f"{_operation(record)} {step.model}"
            if served and not step.error:
                attributes |= _of_usage(record)
        elif step.name == SETTLE and record.cost_msat is not None:
            attributes = {"routstr.cost_msat": record.cost_msat}
        span = self._tracer.start_span(name, inside, kind, attributes, start_time=times[0])
        if step.error:
            _failed(span, step.error)
        span.end(times[1])


def _parent(headers: Iterable[tuple[bytes, bytes]]) -> Context:
    found = {name.decode(): value.decode("latin-1") for name, value in headers if name in _PARENT}
    return _propagator.extract(found, Context())


def _is_last(later: Iterable[Step]) -> bool:
    return all(step.name != ATTEMPT for step in later)


def _of_request(record: AccessRecord) -> Attributes:
    told: Attributes = {
        "http.request.method": record.method,
        "http.route": record.endpoint,
        "http.response.status_code": record.status,
        "routstr.request_id": record.request_id,
    }
    if record.error is not None:
        told["error.type"] = record.error
    if record.model is not None:
        told["gen_ai.operation.name"] = _operation(record)
        told["gen_ai.request.model"] = record.model
    if record.provider is not None:
        told["gen_ai.provider.name"] = record.provider
    if record.cost_msat is not None:
        told["routstr.cost_msat"] = record.cost_msat
    return told | _of_usage(record)


def _of_attempt(step: Step, record: AccessRecord) -> Attributes:
    return {
        "gen_ai.operation.name": _operation(record),
        "gen_ai.provider.name": step.provider,
        "gen_ai.request.model": step.model,
    }


def _of_usage(record: AccessRecord) -> Attributes:
    told: Attributes = {}
    if record.input_tokens is not None:
        told["gen_ai.usage.input_tokens"] = record.input_tokens
    if record.output_tokens is not None:
        told["gen_ai.usage.output_tokens"] = record.output_tokens
    return told


def _operation(record: AccessRecord) -> str:
    return _OPERATIONS.get(record.endpoint, _OTHERS)


def _failed(span: Span, error: str) -> None:
    span.set_attribute("error.type", error)
    span.set_status(Status(StatusCode.ERROR, error))
