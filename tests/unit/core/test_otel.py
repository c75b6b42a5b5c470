from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from routstr.core.access_log import AccessRecord
from routstr.core.clock import ManualClock, SystemClock
from routstr.core.otel import OtelTracer, exporting
from routstr.core.tracing import Step
from routstr.proxy.dialects.choices import CHAT
from tests.unit.proxy.harness import HELLO, running

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-01")


def tracer(clock: Any = None) -> tuple[OtelTracer, InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OtelTracer(provider, clock or SystemClock()), exporter


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_paid_request_is_a_trace_of_its_steps() -> None:
    used, exporter = tracer()
    async with running(tracer=used) as node:
        asked = {"model": "good", "messages": HELLO, "stream": True}
        await node.ask(asked, headers=[TRACEPARENT])
        line = node.line
    spans = by_name(exporter)
    root = spans["POST /v1/chat/completions"]
    assert root.context is not None
    assert root.parent is not None
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == PARENT
    assert root.kind is SpanKind.SERVER
    assert root.attributes is not None
    assert root.attributes["routstr.request_id"] == line.request_id
    assert root.attributes["routstr.cost_msat"] == line.cost_msat
    (attempt,) = [span for span in spans.values() if span.kind is SpanKind.CLIENT]
    theirs = attempt.name.removeprefix("chat ")
    assert theirs == "played/good"
    assert dict(attempt.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": line.provider,
        "gen_ai.request.model": theirs,
        "gen_ai.usage.input_tokens": line.input_tokens,
        "gen_ai.usage.output_tokens": line.output_tokens,
    }
    assert list(spans) == ["quote", "hold", attempt.name, "settle", "POST /v1/chat/completions"]
    for span in spans.values():
        assert (root.start_time or 0) <= (span.start_time or 0) <= (span.end_time or 0)
        assert (span.end_time or 0) <= (root.end_time or 0)
    told = "".join(span.to_json() for span in spans.values())
    assert "Say something" not in told
    assert "sk-" not in told


async def test_without_a_tracer_nothing_is_noted() -> None:
    async with running() as node:
        await node.ask({"model": "good", "messages": HELLO})
        assert node.around.tracer is None


def test_a_failed_attempt_and_a_failed_request_say_so() -> None:
    clock = ManualClock()
    used, exporter = tracer(clock)
    trace = used.begin()
    began = trace.began
    clock.advance(seconds=2)
    trace.steps.append(Step("attempt", began, began + 2, "upstream_timeout", "p", "m"))
    record = AccessRecord("r", CHAT.endpoint, 504, 2_000.0, error="upstream_timeout")
    used.finish(trace, record, [(b"traceparent", b"nonsense")])
    spans = by_name(exporter)
    root, attempt = spans[f"POST {CHAT.endpoint}"], spans["chat m"]
    assert root.parent is None
    for span in (root, attempt):
        assert (span.attributes or {})["error.type"] == "upstream_timeout"
        assert not span.status.is_ok
    assert (attempt.end_time or 0) - (attempt.start_time or 0) == 2_000_000_000


def test_a_parent_that_is_not_sampled_is_not_traced() -> None:
    used, exporter = tracer()
    trace = used.begin()
    unsampled = f"00-{TRACE}-{PARENT}-00".encode()
    record = AccessRecord("r", CHAT.endpoint, 200, 1.0)
    used.finish(trace, record, [(b"traceparent", unsampled)])
    assert exporter.get_finished_spans() == ()


def test_spans_are_sent_to_the_collector_under_the_nodes_name() -> None:
    provider = exporting("http://127.0.0.1:9/")
    try:
        assert provider.resource.attributes["service.name"] == "routstr"
        (processor,) = provider._active_span_processor._span_processors
        exporter: Any = processor.span_exporter  # type: ignore[attr-defined]  # as it is made
        assert exporter._endpoint == "http://127.0.0.1:9/v1/traces"
    finally:
        provider.shutdown()
