"""Which value of each setting holds: the environment's, else the stored one, else the default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from routstr.core.secret import Secret
from routstr.core.settings import Settings, problems_of

_OF_THE_PROCESS: Final = frozenset(
    {
        # what the server and the process are started with
        "routstr_env",
        "host",
        "port",
        "trusted_proxies",
        "plugins",
        "request_body_bytes_max",
        "header_bytes_max",
        "header_count_max",
        "drain_notice_seconds",
        "drain_seconds",
        "log_days",
        "enable_console_logging",
        "console_log_format",
        # the provider of the environment; others are stored as providers, their keys sealed
        "upstream_base_url",
        "upstream_name",
        # would let whoever signs in reach this machine's own network
        "allow_insecure_mints",
        # would let whoever may change settings become the operator
        "admin_npub",
        "tor_proxy_url",
    }
)
STORABLE: Final = frozenset(
    name
    for name, field in Settings.model_fields.items()
    if field.annotation not in {Secret, Path} and name not in _OF_THE_PROCESS
)
"""What may be stored. Secrets and places of files come from the environment only."""

Check: TypeAlias = Callable[[Settings], None]
"""What the node asks of settings beyond what they ask of themselves; raises ``ValueError``."""


class Origin(StrEnum):
    """Where a value comes from."""

    ENVIRONMENT = "environment"
    STORED = "stored"
    DEFAULT = "default"


class Unfit(ValueError):
    """Settings that are wrong: by name, what is wanted; the name is empty where none is known."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(self.lines(problems)))
        self.problems: Final = problems

    @staticmethod
    def lines(problems: Mapping[str, str]) -> list[str]:
        """One line for each problem, as an operator knows the settings."""
        return [f"{name.upper()}: {text}" if name else text for name, text in problems.items()]


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds. ``ignored`` are stored values that do not fit, and why."""

    settings: Settings
    origins: Mapping[str, Origin]
    ignored: Mapping[str, str]


def locked(given: Settings, name: str) -> bool:
    """Whether the environment sets it, or nothing else may."""
    return name not in STORABLE or name in given.model_fields_set


def fitting(given: Settings, stored: Mapping[str, Any], check: Check) -> Settings:
    """The settings with these stored values. Raises :class:`Unfit`."""
    own = {name: getattr(given, name) for name in given.model_fields_set}
    try:
        made = Settings(**{**stored, **own})
    except ValidationError as error:
        raise Unfit(dict(problems_of(error))) from None  # pydantic repeats what was given
    try:
        check(made)
    except ValueError as error:
        name, _, wanted = str(error).partition(": ")
        known = name.lower() in Settings.model_fields
        raise Unfit({name.lower(): wanted} if known else {"": str(error)}) from error
    return made


def combine(given: Settings, stored: Mapping[str, Any], check: Check) -> Effective:
    """What holds; stored values that do not fit are left out, so that they stop no start.

    Raises :class:`Unfit` when the environment's own do not.
    """
    usable = {
        name: stored[name]
        for name in Settings.model_fields
        if name in stored and not locked(given, name)
    }
    ignored: dict[str, str] = {}
    try:
        settings = fitting(given, usable, check)
    except Unfit:
        settings = fitting(given, {}, check)
        kept: dict[str, Any] = {}
        for name, value in usable.items():
            try:
                settings = fitting(given, {**kept, name: value}, check)
            except Unfit as error:
                ignored[name] = error.problems.get(name) or str(error)
            else:
                kept[name] = value
        usable = kept
    origins = {name: _origin(given, usable, name) for name in Settings.model_fields}
    return Effective(settings, origins, ignored)


def _origin(given: Settings, stored: Mapping[str, Any], name: str) -> Origin:
    if name in given.model_fields_set:
        return Origin.ENVIRONMENT
    return Origin.STORED if name in stored else Origin.DEFAULT
