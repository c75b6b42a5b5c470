"""The node's configuration: frozen, complete and checked before anything starts.

:func:`load_settings` is the one place that reads the environment. ``Settings(...)`` itself takes
its arguments and the defaults and nothing else, so a test is never disturbed by its surroundings.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from routstr.core.addresses import check_mint_url, relay_url
from routstr.core.redaction import clean
from routstr.core.secret import Secret
from routstr.core.setting_groups import (
    Limits,
    Logs,
    Node,
    Payouts,
    Pricing,
    RateLimits,
    ResponseCache,
    Storage,
    Upstream,
    Wallet,
)
from routstr.core.setting_groups_outside import Alerts, Monitoring, Nostr, Tor
from routstr.core.setting_types import mint_amounts, sqlite_file

PROFILES: Final[Mapping[str, Mapping[str, str | bool]]] = MappingProxyType(
    {
        "production": {},
        "development": {
            "log_level": "DEBUG",
            "console_log_format": "text",
            "allow_insecure_mints": True,
        },
        "testing": {
            "enable_console_logging": False,
            "allow_insecure_mints": True,
        },
    }
)
"""What each ``ROUTSTR_ENV`` changes in the defaults; a value that is set always wins."""


class SettingsError(ValueError):
    """The configuration is wrong; the message has one line for each variable."""


class Settings(
    Logs,
    Monitoring,
    Nostr,
    Alerts,
    Tor,
    ResponseCache,
    RateLimits,
    Limits,
    Payouts,
    Wallet,
    Pricing,
    Upstream,
    Storage,
    Node,
    BaseSettings,
):
    """All settings; the fields are in :mod:`routstr.core.setting_groups`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        *_positional: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed: see :func:`load_settings`."""
        return (init_settings,)

    @model_validator(mode="wrap")
    @classmethod
    def _profile_defaults(
        cls, values: dict[str, Any], handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        profile = PROFILES.get(str(values.get("routstr_env", "production")), {})
        made = handler({**profile, **values})
        made.model_fields_set.intersection_update(values)  # a profile changes defaults
        return made

    @model_validator(mode="after")
    def _mints_may_be_contacted(self) -> Self:
        listed = ("CASHU_MINTS", self.cashu_mints), ("SWAP_MINTS", self.swap_mints)
        for name, mint in ((name, mint) for name, mints in listed for mint in mints):
            try:
                check_mint_url(mint, allow_insecure=self.allow_insecure_mints)
            except ValueError as error:
                raise ValueError(f"{name}: got {mint!r}; each {error}") from None
        for mint in self.swap_mints:
            if mint in self.cashu_mints or not self.cashu_mints:
                raise ValueError(
                    f"SWAP_MINTS: got {mint!r}; must be a mint beside those of CASHU_MINTS"
                )
        for mint in mint_amounts(self.mint_exposure_sat_max_of):
            if mint not in self.cashu_mints:
                raise ValueError(
                    f"MINT_EXPOSURE_SAT_MAX_OF: got {mint!r}; must be one of CASHU_MINTS"
                )
        if self.primary_mint_url and self.primary_mint_url not in self.cashu_mints:
            raise ValueError(
                f"PRIMARY_MINT_URL: got {self.primary_mint_url!r}; must be one of CASHU_MINTS"
            )
        return self

    @model_validator(mode="after")
    def _relays_may_be_contacted(self) -> Self:
        for relay in self.relays:
            try:
                relay_url(relay, allow_insecure=self.allow_insecure_mints)
            except ValueError as error:
                raise ValueError(f"RELAYS: got {relay!r}; each {error}") from None
        return self

    @model_validator(mode="after")
    def _tor_has_a_port(self) -> Self:
        if self.tor_all and not self.tor_proxy_url:
            raise ValueError("TOR_ALL: got true; needs TOR_PROXY_URL")
        return self

    @model_validator(mode="after")
    def _only_a_server_has_a_replica(self) -> Self:
        if self.database_replica_url and self.database_file is not None:
            raise ValueError("DATABASE_REPLICA_URL: got a value; needs DATABASE_URL on PostgreSQL")
        return self

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return sqlite_file(self.database_url)


def load_settings(
    environ: Mapping[str, str] | None = None, env_file: str | Path | None = ".env"
) -> Settings:
    """Read ``env_file`` (a missing one is empty), then the environment over it.

    ``environ`` defaults to the process's. An empty value counts as not set; variables that are no
    setting are ignored. Raises :class:`SettingsError`.
    """
    environ = os.environ if environ is None else environ
    values = _read_file(env_file) if env_file else {}
    names = Settings.model_fields
    values |= {name: environ[name.upper()] for name in names if name.upper() in environ}
    given: dict[str, Any] = {name: value for name, value in values.items() if value.strip()}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [_explain(name, wanted, given) for name, wanted in problems_of(error)]
        # from None: pydantic's own message may repeat what was given
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None


def problems_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    """What is wrong: the setting's name, and what is wanted, for people."""
    for detail in error.errors(include_url=False):
        wanted = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if detail["type"] == "default_factory_not_called":
            continue  # follows from another error
        if detail["loc"]:
            yield str(detail["loc"][0]), wanted
        else:  # a check across settings: it names the one that is to be changed
            name, _, rest = wanted.partition(": ")
            yield name.lower(), rest


def _read_file(env_file: str | Path) -> dict[str, str]:
    try:
        source = DotEnvSettingsSource(
            Settings,
            env_file=env_file,
            env_file_encoding="utf-8",
            dotenv_filtering="only_existing",
        )
        found = source()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file} cannot be read: {error}") from None
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _explain(name: str, wanted: str, given: Mapping[str, str]) -> str:
    """One line: the variable, what was given unless it is secret, and what is wanted."""
    if wanted.startswith("got "):
        return clean(f"{name.upper()}: {wanted}")
    if Settings.model_fields[name].annotation is Secret:
        shown = "a value that is not shown"
    else:
        shown = repr(clean(given.get(name, "")))
    return f"{name.upper()}: got {shown}; {wanted}"
