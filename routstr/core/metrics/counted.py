"""The metrics that processes count, each described once: code, scrape and documents read it here.

Labels come from the operator's own lists (models, providers, mints, routes) and from this program,
never from a client; a key, a token or an address is none.
"""

from typing import Final

from routstr.core.metrics.family import Family, Kind, counter, seconds

_REQUEST_S: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
)  # fmt: skip
_SHORT_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

HTTP_REQUESTS: Final = counter(
    "routstr_http_requests_total",
    "Requests that ended, by route, class of status and the error's code (empty: no error).",
    "method", "endpoint", "status", "code",
)  # fmt: skip
HTTP_SECONDS: Final = seconds(
    "routstr_http_request_duration_seconds",
    "Time of answered requests (status below 400) until their last byte.",
    _REQUEST_S, "endpoint",
)  # fmt: skip
FIRST_BYTE_SECONDS: Final = seconds(
    "routstr_http_first_byte_seconds",
    "Time of answered requests of paid endpoints until their first byte.",
    _REQUEST_S, "endpoint",
)  # fmt: skip
OVERHEAD_SECONDS: Final = seconds(
    "routstr_overhead_seconds",
    "What the node adds to a request: its whole time less that from asking the provider until the "
    "provider's last byte.",
    _SHORT_S, "endpoint",
)  # fmt: skip
REQUESTS: Final = counter(
    "routstr_requests_total",
    "Requests for a model that is sold, by who served it (empty: nobody was asked).",
    "endpoint", "model", "provider", "status",
)  # fmt: skip
TOKENS: Final = counter(
    "routstr_tokens_total",
    "Tokens of requests that were settled, by direction: input or output.",
    "endpoint", "model", "provider", "direction",
)  # fmt: skip
CHARGED: Final = counter(
    "routstr_charged_msat_total",
    "What requests were charged, as their answers told it, in msat.",
    "endpoint", "model", "provider",
)  # fmt: skip
UPSTREAM_FAILURES: Final = counter(
    "routstr_upstream_failures_total",
    "Attempts at a provider that failed, whether or not another one then served, by the error's "
    "code.",
    "provider", "code",
)  # fmt: skip
MINT_CALLS: Final = counter(
    "routstr_mint_calls_total",
    "Calls to mints by what became of them: answered, refused, busy, down (nothing was sent), "
    "unclear (it may have acted).",
    "mint", "operation", "result",
)  # fmt: skip
MINT_SECONDS: Final = seconds(
    "routstr_mint_call_duration_seconds",
    "Time of calls to mints, answered or not, without the wait for a free place.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
    "mint",
)  # fmt: skip
COMMIT_SECONDS: Final = seconds(
    "routstr_ledger_commit_seconds",
    "Time of one transaction of the writer: all that it writes, and its commit.",
    _SHORT_S,
)
BATCH_SIZE: Final = Family(
    "routstr_ledger_batch_operations",
    Kind.HISTOGRAM,
    "Operations that the writer puts into one transaction.",
    bounds=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
DATABASE_RETRIES: Final = counter(
    "routstr_database_retries_total",
    "Transactions of the writer that did not get through at once, by kind: deadlock, "
    "serialization, statement (what was prepared is gone), connection; commit_made and "
    "commit_not_made: COMMIT had no answer, and what was found of it.",
    "kind",
)
LOOP_LAG: Final = seconds(
    "routstr_event_loop_lag_seconds",
    "By how much a timer of each process's event loop comes too late, looked at twice a second.",
    _SHORT_S,
)

COUNTED: Final = (
    HTTP_REQUESTS, HTTP_SECONDS, FIRST_BYTE_SECONDS, OVERHEAD_SECONDS, REQUESTS, TOKENS, CHARGED,
    UPSTREAM_FAILURES, MINT_CALLS, MINT_SECONDS, COMMIT_SECONDS, BATCH_SIZE,
    DATABASE_RETRIES, LOOP_LAG,
)  # fmt: skip
"""All of them, in the order in which they are shown."""
