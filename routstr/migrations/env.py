"""Alembic's entry: every table of the node, on the connection that the node gives it."""

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

from routstr.admin import models as admin_models
from routstr.auth import models as auth_models
from routstr.catalog import models as catalog_models
from routstr.core import traffic_models
from routstr.core.db import migrate, node_values, switches
from routstr.core.metrics import models as metric_models
from routstr.core.options import models as option_models
from routstr.core.settings import load_settings
from routstr.discovery import models as nostr_models
from routstr.ledger import archive_models, seal_models, usage_models
from routstr.ledger import models as ledger_models
from routstr.payment import alert_models, operator_models
from routstr.payment.idempotency import models as idempotency_models
from routstr.upstream import models as upstream_models
from routstr.wallet import models as wallet_models

TABLES = (
    admin_models,
    alert_models,
    archive_models,
    auth_models,
    catalog_models,
    idempotency_models,
    ledger_models,
    metric_models,
    node_values,
    nostr_models,
    operator_models,
    option_models,
    seal_models,
    switches,
    traffic_models,
    upstream_models,
    usage_models,
    wallet_models,
)


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_server_default=False,
        render_as_batch=False,
        transaction_per_migration=False,
    )
    context.run_migrations()
    migrate.tell_older_ones(connection)


def main() -> None:
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    with migrate.locked(load_settings().database_url.reveal()) as connection:
        run(connection)


main()
