"""Writes docs/metrics.md: ``python -m tests.unit.docs_metrics > docs/metrics.md``."""

from collections.abc import Iterable
from typing import Final

from routstr.core.access_log import AccessRecord
from routstr.core.metrics import read
from routstr.core.metrics.counted import COUNTED
from routstr.core.metrics.family import Family

HEAD: Final = """\
# Metrics, traces and logs

## `GET /metrics`

Prometheus' text format, or OpenMetrics if it is asked for. The figures tell what the node earns
and owes, so they are shown only to whoever

- brings `METRICS_TOKEN` as `Authorization: Bearer ...`, or
- brings a token of the operator with the scope `read` (`/admin/settings`, Access), or
- comes from one of `METRICS_NETWORKS`, for example `METRICS_NETWORKS=127.0.0.1` or the network of
  your Prometheus.

Everybody else gets 403 `admin_unauthorized`. Loopback is not open by itself: the requests of a
reverse proxy, and all that come through Tor, come from there, too. Behind a proxy the address that
counts is the client's, if the proxy is one of `TRUSTED_PROXIES`.

`deploy/monitoring/` has a configuration of Prometheus, alert rules and a dashboard of Grafana.

## One scrape tells the sum

What is counted is kept in the database, as sums over all processes that ever counted: workers,
instances, and those before a restart. Whichever answers first stores what it has counted itself,
so counters never fall. What another process has counted in the last ten seconds comes later; a
process that is killed loses that. So scrape **one** address. Where several are scraped all the
same, put `max without (instance)` around each metric, as rules and dashboard do: a sum would count
everything several times.

Figures of money come from the books at the moment of the scrape, and are exact. Those marked
*process* are about the process that answers alone.

Labels come from lists of the operator (models, providers, mints) and from the program (routes,
error codes, kinds), never from a client. No metric has more than 2,000 sets of them per process;
what is beyond is counted as `other`. No key, no address, no text is a label.

No metric of the operating system is here: take node_exporter's or your containers'.
"""
TAIL: Final = """\
## Traces

With `pip install 'routstr[otel]'` and `OTEL_EXPORTER_OTLP_ENDPOINT` (the base address of a
collector that takes OTLP over HTTP) every request of a paid endpoint becomes a trace:

| span | kind | is |
|---|---|---|
| `POST /v1/chat/completions` | server | the request; a client's `traceparent` is its parent |
| `quote` | internal | from the last byte of the body to what it may cost |
| `hold` | internal | who pays, and the money set aside |
| `chat <model>` | client | one attempt at a provider; a failed one has `error.type` |
| `settle` | internal | the charge |

Attributes follow OpenTelemetry's conventions for generative AI (`gen_ai.operation.name`,
`gen_ai.provider.name`, `gen_ai.request.model`, `gen_ai.usage.input_tokens`,
`gen_ai.usage.output_tokens`), with `routstr.cost_msat` and `routstr.request_id`, by which the log's
lines are found. A span never has a prompt, an answer, a key or an address. Providers get no
`traceparent`. Names, sampling and headers are set by OpenTelemetry's own variables in the
environment: `OTEL_SERVICE_NAME` (default `routstr`), `OTEL_TRACES_SAMPLER`,
`OTEL_EXPORTER_OTLP_HEADERS`. A trace takes about 0.2 ms of a processor: a busy node samples, for
example with `OTEL_TRACES_SAMPLER=parentbased_traceidratio` and `OTEL_TRACES_SAMPLER_ARG=0.01`.
Conversations (`/v1/realtime`) are not traced.

## Logs

Every line is a JSON object with `timestamp`, `level`, `event`, `logger` and, inside a request,
`request_id`; in daily files in `LOG_DIR`, kept `LOG_DAYS` days, and on standard output
(`ENABLE_CONSOLE_LOGGING`). `CONSOLE_LOG_FORMAT=text` writes lines for people there, in colour at a
terminal unless `NO_COLOR` is set. Tokens, keys and other secrets are cut out of whatever is logged.

Each request ends with one line, whatever `LOG_LEVEL` is: event `api_request`, with

FIELDS

`cost_msat` is exact; `key_id` is the key's public name, never the key; `overhead` is
`duration_ms` less `upstream_ms`. What is not known is left out. Each movement of ecash ends with
`saga_ended` (kind, purpose, state, mint, `amount_msat`, `fee_msat`), and what is not clear yet is
told as `saga_open`. The books themselves are in the database; the log is no part of them.

This page is written by `tests/unit/docs_metrics.py` from `routstr/core/metrics/`, and
`tests/unit/test_docs.py` compares the two.
"""
OF_THE_PROCESS: Final = frozenset(
    {
        *(read.DATABASE_READERS, read.DATABASE_WAITING, read.REPLICA_UP),
        *(read.DRAINING, read.PROVIDER_UP, read.MINT_UP),
    }
)


def table(families: Iterable[Family]) -> str:
    """One row for each metric."""
    rows = ["| metric | type | labels | is |", "|---|---|---|---|"]
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        mark = "*process* " if family in OF_THE_PROCESS else ""
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {mark}{family.help} |")
    return "\n".join(rows)


def render() -> str:
    """The whole page."""
    parts = [HEAD, "## What is counted\n", table(COUNTED), "\n## What is read\n", table(read.READ)]
    fields = ", ".join(f"`{name}`" for name in AccessRecord.__struct_fields__)
    return "\n".join([*parts, "", TAIL.replace("FIELDS", f"{fields}.")])


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201
