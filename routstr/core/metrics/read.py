"""The metrics that are read when somebody asks, each described once.

Most come from the database and are the same whichever instance answers.
"""

from typing import Final

from routstr.core.metrics.family import Family, counter, gauge

BUILD: Final = gauge("routstr_build_info", "Always 1: what runs.", "version", "database")
DATABASE_UP: Final = gauge(
    "routstr_database_up", "Whether the database answers; if not, most of the rest is left out."
)
DATABASE_READERS: Final = gauge(
    "routstr_database_readers",
    "Connections that read for the process that answers, busy and free; one more writes.",
    "state",
)
DATABASE_WAITING: Final = gauge(
    "routstr_database_waiting",
    "What waits in the process that answers, by kind: read (for a connection), write (for the "
    "writer).",
    "kind",
)
REPLICA_UP: Final = gauge(
    "routstr_database_replica_up",
    "Whether statistics come from DATABASE_REPLICA_URL in the process that answers, if it is set; "
    "0: it is away or behind.",
)
INSTANCES: Final = gauge("routstr_instances", "Instances that are at work on the database.")
DRAINING: Final = gauge(
    "routstr_draining", "Whether the process that answers takes no paid requests any more."
)
TRANSFERS: Final = counter(
    "routstr_transfers_total",
    "Movements of money in the books, charges left out, by kind: deposit, refund, lightning_paid, "
    "payout and others.",
    "kind",
)
TRANSFERRED: Final = counter(
    "routstr_transferred_msat_total", "What these movements moved, in msat.", "kind"
)
HOLDS: Final = gauge("routstr_holds_open", "Requests for which money is held.")
HELD: Final = gauge("routstr_held_msat", "What is held for them, in msat.")
SAGAS: Final = gauge(
    "routstr_sagas_open",
    "Movements at mints whose end is not known, by kind and state: moving, or stuck after an "
    "unclear answer.",
    "kind", "state",
)  # fmt: skip
SAGA_AGE: Final = gauge(
    "routstr_saga_oldest_seconds", "How long the oldest open movement has been open.", "kind"
)
LIABILITIES: Final = gauge(
    "routstr_liabilities_msat",
    "What is owed: balances, tokens given out, money on its way, in msat.",
)
ASSETS: Final = gauge(
    "routstr_assets_msat", "Ecash that the node has, by mint and unit of the ecash, in msat.",
    "mint", "unit",
)  # fmt: skip
SURPLUS: Final = gauge(
    "routstr_surplus_msat", "What is the operator's own: assets less liabilities, in msat."
)
OPERATOR: Final = gauge(
    "routstr_operator_account_msat",
    "The operator's accounts, which add up to the surplus, in msat.",
    "account",
)
VIOLATIONS: Final = gauge(
    "routstr_invariant_violations",
    "Equations of the books that were broken when they were verified last; above 0 deposits are "
    "closed.",
)
VERIFIED: Final = gauge(
    "routstr_verified_timestamp_seconds", "When all of the books were verified last, Unix time."
)
ALERTS: Final = gauge("routstr_alerts_active", "Alerts to the operator that last, by name.", "name")
PRICE: Final = gauge("routstr_btc_usd", "Price of a bitcoin in USD by which models are priced.")
MODELS: Final = gauge("routstr_models", "Models that are sold; 0 without a price of bitcoin.")
PROVIDER_UP: Final = gauge(
    "routstr_provider_up",
    "Whether the process that answers would ask this provider, which it does not after failures.",
    "provider",
)
MINT_UP: Final = gauge(
    "routstr_mint_up",
    "Whether this mint answered the process that answers, when it asked last.",
    "mint",
)

READ: Final[tuple[Family, ...]] = (
    BUILD, DATABASE_UP, DATABASE_READERS, DATABASE_WAITING, REPLICA_UP,
    INSTANCES, DRAINING, TRANSFERS, TRANSFERRED, HOLDS, HELD, SAGAS, SAGA_AGE,
    LIABILITIES, ASSETS, SURPLUS, OPERATOR, VIOLATIONS, VERIFIED, ALERTS, PRICE, MODELS,
    PROVIDER_UP, MINT_UP,
)  # fmt: skip
"""All of them, in the order in which they are shown."""
