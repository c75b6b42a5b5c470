"""The steps of the first run, and which of them are behind the operator."""

from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select
from sqlmodel import col

from routstr.core.db import Database, Tx, node_values
from routstr.core.db.node_values import NodeValue

_PREFIX: Final = "setup_"


class Step(StrEnum):
    """What is asked, in this order; the password comes before all of them."""

    NODE = "node"
    MINTS = "mints"
    PROVIDER = "provider"
    MARGIN = "margin"
    PAYOUT = "payout"
    PAY = "pay"

    @property
    def after(self) -> "Step | None":
        """The next one; None: it is the last."""
        steps = list(Step)
        number = steps.index(self) + 1
        return steps[number] if number < len(steps) else None


class Progress:
    """Remembers the steps that were saved or left out, for good."""

    def __init__(self, db: Database) -> None:
        self._db: Final = db

    async def passed(self) -> frozenset[Step]:
        """The steps that need not be shown again."""

        def read(connection: Connection) -> frozenset[Step]:
            names = {_PREFIX + step: step for step in Step}
            found = select(col(NodeValue.name)).where(col(NodeValue.name).in_(names))
            return frozenset(names[name] for name in connection.execute(found).scalars())

        return await self._db.read(read)

    async def pass_by(self, *steps: Step) -> None:
        """These are done, or left out."""

        def write(tx: Tx) -> None:
            for step in steps:
                node_values.remember(tx, _PREFIX + step, b"passed")

        await self._db.write(write)


def first_open(passed: frozenset[Step]) -> Step | None:
    """Where to go on; None: all is done."""
    return next((step for step in Step if step not in passed), None)
