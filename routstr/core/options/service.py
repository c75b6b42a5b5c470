"""The stored settings of a running node: read, changed as a whole or not at all, watched."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from pydantic import ValidationError

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.core.options import repository
from routstr.core.options.effective import (
    STORABLE,
    Check,
    Effective,
    Origin,
    Unfit,
    combine,
    fitting,
    locked,
)
from routstr.core.options.repository import Rows
from routstr.core.options.values import jsonable, plain
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.errors import SettingsInvalid

REDACTED: Final = "[REDACTED]"
TRY_AGAIN_SECONDS: Final = 60
"""How long a process goes on as it is before it tries again what did not work."""
_ATTEMPTS: Final = 3
_log: Final = get_logger(__name__)

Agree: TypeAlias = Callable[[], Awaitable[None]]
Use: TypeAlias = Callable[[Settings, Agree | None], Awaitable[None]]
"""Serves with other settings. ``Agree`` is called at the last moment at which all may be left as it
is: when it raises. Raises :class:`Unusable` when the node cannot serve like this."""


class Unusable(Exception):
    """The node cannot serve with these settings; the message says why."""


class _Moved(Exception):
    """Somebody else has stored something meanwhile."""


class Stored(msgspec.Struct, frozen=True):
    """A stored value, plain as in JSON, and since when, in ms since 1970."""

    value: object
    changed_at: int


class Options:
    """The use cases. ``given`` are the settings of the environment, which win."""

    def __init__(self, db: Database, clock: Clock, given: Settings, check: Check, use: Use) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self.given: Final = given
        self._check: Final = check
        self._use: Final = use
        self._turn: Final = asyncio.Lock()
        self._seen: Rows = {}
        self._try_again_at = 0.0
        self.effective: Effective = combine(given, {}, check)
        """What holds in this process."""
        self.trouble: str | None = None
        """Why this process does not serve with what is stored; None: it does."""

    async def load(self) -> Settings:
        """Read what is stored: the settings to start with. Raises ``DatabaseUnavailable``."""
        rows = await self._db.read(repository.every)
        self._hold(combine(self.given, values_of(rows), self._check), rows)
        return self.effective.settings

    async def current(self) -> Mapping[str, Stored]:
        """All that is stored, also what does not hold."""
        rows = await self._db.read(repository.every)
        return {name: Stored(msgspec.json.decode(text), at) for name, (text, at) in rows.items()}

    async def change(self, values: Mapping[str, object]) -> None:
        """Store these, None: the default again; returns when this process serves with them.

        Values are plain as in JSON, or texts as in the environment. One that holds already changes
        nothing, so that a whole answer may be sent back. Raises :class:`SettingsInvalid`, and then
        nothing is stored.
        """
        async with self._turn:
            for _ in range(_ATTEMPTS):
                try:
                    return await self._change(values)
                except _Moved:
                    continue
        raise SettingsInvalid("Somebody else changes the settings right now: try again.")

    async def look(self) -> None:
        """Serve with what another process has stored. Raises ``DatabaseUnavailable``."""
        async with self._turn:
            rows = await self._db.read(repository.every)
            tried_lately = self._clock.monotonic() < self._try_again_at
            if rows == self._seen and (self.trouble is None or tried_lately):
                return
            effective = combine(self.given, values_of(rows), self._check)
            if effective.settings != self.effective.settings:
                try:
                    await self._use(effective.settings, None)
                except Unusable as problem:
                    self._seen, self.trouble = rows, str(problem)
                    self._try_again_at = self._clock.monotonic() + TRY_AGAIN_SECONDS
                    _log.error("stored_settings_not_usable", reason=str(problem))
                    return
            self._hold(effective, rows)

    async def _change(self, values: Mapping[str, object]) -> None:
        rows = await self._db.read(repository.every)
        now = combine(self.given, values_of(rows), self._check)
        wanted, removed = self._sorted(values, now)
        kept = {
            name: value
            for name, value in values_of(rows).items()
            if now.origins.get(name) is Origin.STORED and name not in removed
        }
        settings = self._fitting({**kept, **wanted})
        changed = {
            name: jsonable(settings, name)
            for name in wanted
            if name in rows or getattr(settings, name) != getattr(now.settings, name)
        }
        for name in [one for one, text in changed.items() if one in rows and rows[one][0] == text]:
            del changed[name]
        removed &= rows.keys()
        if not changed and not removed:
            return
        at = self._clock.now_ms()

        async def store() -> None:
            write = repository.change
            if not await self._db.write(lambda tx: write(tx, rows, changed, removed, at)):
                raise _Moved

        try:
            await self._use(settings, store)
        except Unusable as problem:
            raise SettingsInvalid(f"The node cannot serve like this: {problem}") from problem
        left = {name: row for name, row in rows.items() if name not in removed}
        rows = {**left, **{name: (text, at) for name, text in changed.items()}}
        self._hold(combine(self.given, values_of(rows), self._check), rows)
        _log.info("settings_changed", names=sorted({*changed, *removed}))

    def _sorted(
        self, values: Mapping[str, object], now: Effective
    ) -> tuple[dict[str, Any], set[str]]:
        """What is to be stored and what is to be removed. Raises :class:`SettingsInvalid`."""
        wanted: dict[str, Any] = {}
        removed: set[str] = set()
        problems: dict[str, str] = {}
        for name, value in values.items():
            if name not in Settings.model_fields:
                problems[name] = "is no setting"
            elif value is None:
                removed.add(name)
            elif not locked(self.given, name):
                wanted[name] = plain(value)
            elif not self._holds(now.settings, name, value):
                problems[name] = (
                    "is set in the environment, where alone it can be changed"
                    if name in STORABLE
                    else "can be set in the environment only"
                )
        if problems:
            raise unfitting(problems)
        return wanted, removed

    def _holds(self, settings: Settings, name: str, value: object) -> bool:
        """Whether a value that cannot be changed says what holds anyway, or hides it."""
        if isinstance(getattr(settings, name), Secret):
            return value in {REDACTED, ""}
        own = {one: getattr(self.given, one) for one in self.given.model_fields_set}
        try:
            said = Settings(**{**own, name: plain(value)})
        except ValidationError:
            return False
        return bool(getattr(said, name) == getattr(settings, name))

    def _fitting(self, stored: Mapping[str, Any]) -> Settings:
        try:
            return fitting(self.given, stored, self._check)
        except Unfit as error:
            raise unfitting(error.problems) from error

    def _hold(self, effective: Effective, rows: Rows) -> None:
        self.effective, self._seen, self.trouble = effective, rows, None
        for name, reason in effective.ignored.items():
            _log.error("stored_setting_ignored", name=name, reason=reason)


def values_of(rows: Rows) -> dict[str, Any]:
    """The stored values, plain as in JSON."""
    return {name: msgspec.json.decode(text) for name, (text, _) in rows.items()}


def unfitting(problems: Mapping[str, str]) -> SettingsInvalid:
    """The refusal of settings that are wrong: by name, what is wanted."""
    name = next(iter(problems))
    lines = Unfit.lines(problems)
    error = SettingsInvalid(lines[0], details={"param": name or None, "problems": lines})
    error.problems = dict(problems)
    return error
