"""What watches the node: earnings and requests added up, alerts, the operator's overview."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import ClientSession

from routstr.admin.overview.desk import OverviewDesk
from routstr.admin.overview.statistics import Statistics
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.setting_types import sqlite_file
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.core.traffic_store import TrafficStore
from routstr.ledger.usage_fold import UsageFold
from routstr.node.conditions import CONDITIONS, Conditions
from routstr.node.health import Health
from routstr.payment.alert_board import AlertBoard
from routstr.payment.alert_sending import AlertSender, Wording
from routstr.payment.alert_store import Alarm, Alert
from routstr.payment.maintenance import Maintenance
from routstr.payment.price_lists import PriceLists
from routstr.theme.texts import words

FOLD_SECONDS: Final = 3.0
FLUSH_SECONDS: Final = 10.0
ALERT_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 60.0
"""How often everything is looked at, mints and providers included; at first after this time."""


def build_board(
    settings: Settings,
    db: Database,
    clock: Clock,
    session: ClientSession,
    message: Callable[[str], Awaitable[bool]] | None,
) -> AlertBoard:
    """Keep alerts, and send them if there is whereto. ``session`` is one that is checked."""
    sender = None
    if settings.alert_webhook_url or settings.alert_ntfy_url or message is not None:
        sender = AlertSender(
            session,
            worded,
            node=settings.name,
            webhook_url=settings.alert_webhook_url,
            ntfy_url=settings.alert_ntfy_url,
            message=message,
        )
    return AlertBoard(db, clock, CONDITIONS, sender)


def worded(alert: Alert) -> Wording:
    """An alert in English, for whoever gets it elsewhere."""
    t = words("en")
    name = alert.name if t.knows(f"alerts.{alert.name}") else "other"
    if alert.cleared_at is not None:
        title = t("alerts.over", what=t(f"alerts.{name}", subject=alert.subject, name=alert.name))
        return Wording(title.unescape(), t("alerts.over_do").unescape())
    title = t(f"alerts.{name}", subject=alert.subject, name=alert.name)
    return Wording(title.unescape(), t(f"alerts.{name}_do", subject=alert.subject).unescape())


def build_overview(
    db: Database,
    clock: Clock,
    traffic: TrafficStore,
    board: AlertBoard,
    draining: Callable[[], bool],
) -> OverviewDesk:
    """Put the operator's first page together."""
    statistics = Statistics(db, clock, traffic)
    return OverviewDesk(db, clock, statistics, board, Maintenance(db, clock), draining)


def build_conditions(
    settings: Settings,
    health: Health,
    db: Database,
    clock: Clock,
    payout: Callable[[], str],
    lists: PriceLists,
) -> Conditions:
    """What is looked at; ``payout`` says why the last payout failed."""
    file = sqlite_file(settings.database_url)
    folders = [settings.log_dir, *([file.parent] if file else [])]
    return Conditions(health, db, clock, payout, folders, lists.jumps)


def start_overview(
    desk: OverviewDesk,
    conditions: Conditions,
    db: Database,
    clock: Clock,
    traffic: TrafficStore,
    supervisor: Supervisor,
) -> None:
    """Start what adds up, keeps and looks."""
    board, due = desk.board, clock.monotonic() + LOOK_SECONDS

    async def watch() -> None:
        nonlocal due
        seen: list[Alarm] = []
        if clock.monotonic() >= due:
            due = clock.monotonic() + LOOK_SECONDS
            seen = await conditions.look()
        await board.keep(seen)

    supervisor.every("usage", FOLD_SECONDS, UsageFold(db).run)
    supervisor.every("traffic", FLUSH_SECONDS, traffic.flush)
    supervisor.every("alerts", ALERT_SECONDS, watch)
