"""What the admin API takes and tells. Keys are never told."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from routstr.core.secret import Secret
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.description import Description
from routstr.upstream.provider import Profile
from routstr.upstream.service import StoredProvider

T = TypeVar("T")

REDACTED = "[REDACTED]"
Fee = Annotated[Decimal | None, Field(description="factor on its prices; null: the node's default")]
Keys = Annotated[list[Secret] | None, Field(description="several keys, used in rotation")]


class Asked(BaseModel):
    """What is asked of the admin API: nothing unknown, and never repeated in an error."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="forbid")


class LoginRequest(Asked):
    """The operator's password."""

    password: Secret


class LoginAnswer(BaseModel):
    """A session; its token goes behind ``Bearer``."""

    ok: Literal[True] = True
    token: str
    expires_in: int = Field(description="seconds")


class Done(BaseModel):
    """It is done."""

    ok: Literal[True] = True


class Removed(Done):
    """It is no more."""

    deleted_id: int


class ProviderChange(Asked):
    """What is to change of a provider; what is absent stays. ``slug`` renames."""

    provider_type: str | None = None
    base_url: str | None = None
    api_key: Secret | None = Field(None, description=f"{REDACTED} leaves the keys as they are")
    api_keys: Keys = None
    api_version: str | None = None
    enabled: StrictBool | None = None
    provider_fee: Fee = None
    priority: int | None = None
    provider_settings: dict[str, object] | None = None
    slug: str | None = None

    def description(self, before: StoredProvider | None = None) -> Description:
        """What was said, in the words of the provider's owner."""
        return Description(
            slug=_or_unset(self.slug),
            kind=_or_unset(self.provider_type),
            base_url=_or_unset(self.base_url),
            keys=self._keys(),
            enabled=_or_unset(self.enabled),
            fee=self.provider_fee if "provider_fee" in self.model_fields_set else UNSET,
            priority=_or_unset(self.priority),
            options=self._options(before),
        )

    def _keys(self) -> tuple[Secret, ...] | UnsetType:
        if self.api_keys is not None:
            return tuple(self.api_keys)
        if self.api_key is None or self.api_key == Secret(REDACTED):
            return UNSET
        return (self.api_key,)

    def _options(self, before: StoredProvider | None) -> Mapping[str, object] | UnsetType:
        if self.api_version is None:
            return _or_unset(self.provider_settings)
        known = {} if before is None else before.options
        said = known if self.provider_settings is None else self.provider_settings
        return {**said, "api_version": self.api_version}


class ProviderCreate(ProviderChange):
    """Another provider. Without a ``base_url`` its type's own, without a ``slug`` its type."""

    provider_type: str


class NamedChange(ProviderChange):
    """A change of the provider whose slug is named; ``new_slug`` renames."""

    slug: str
    new_slug: str | None = None

    def description(self, before: StoredProvider | None = None) -> Description:
        """See :class:`ProviderChange`."""
        return msgspec.structs.replace(super().description(before), slug=_or_unset(self.new_slug))


class ProviderAnswer(BaseModel):
    """A provider as it is stored. ``locked``: it is that of the settings."""

    id: int
    slug: str
    provider_type: str
    base_url: str
    api_key: str = Field(description=f"{REDACTED}, or empty when there is none")
    api_keys: list[str]
    api_version: str | None
    enabled: bool
    provider_fee: float = Field(description="factor on its prices")
    priority: int
    provider_settings: dict[str, object]
    locked: bool
    created_at: int | None = Field(description="Unix time")
    updated_at: int | None = Field(description="Unix time")

    @classmethod
    def of(cls, stored: StoredProvider, default_fee: Decimal) -> "ProviderAnswer":
        """A stored provider."""
        version = stored.options.get("api_version")
        return cls(
            id=stored.id,
            slug=stored.slug,
            provider_type=stored.adapter.name,
            base_url=stored.base_url,
            api_key=REDACTED if stored.keys else "",
            api_keys=[REDACTED] * len(stored.keys),
            api_version=version if isinstance(version, str) else None,
            enabled=stored.enabled,
            provider_fee=float(stored.fee or default_fee),
            priority=stored.priority,
            provider_settings=dict(stored.options),
            locked=False,
            created_at=stored.created_at // 1_000,
            updated_at=stored.updated_at // 1_000,
        )

    @classmethod
    def of_settings(cls, profile: Profile, default_fee: Decimal) -> "ProviderAnswer":
        """The provider of the settings."""
        return cls(
            id=profile.id,
            slug=profile.name,
            provider_type=profile.adapter.name,
            base_url=profile.base_url,
            api_key=REDACTED if profile.keys else "",
            api_keys=[REDACTED] * len(profile.keys),
            api_version=None,
            enabled=True,
            provider_fee=float(profile.fee or default_fee),
            priority=profile.priority,
            provider_settings={},
            locked=True,
            created_at=None,
            updated_at=None,
        )


class ProviderType(BaseModel):
    """A type of provider that can be added."""

    id: str
    name: str
    default_base_url: str
    fixed_base_url: bool
    platform_url: str
    can_create_account: bool = False
    can_topup: bool = False
    can_show_balance: bool = False

    @classmethod
    def of(cls, adapter: Adapter) -> "ProviderType":
        """An adapter."""
        return cls(
            id=adapter.name,
            name=adapter.title,
            default_base_url=adapter.base_url,
            fixed_base_url=adapter.fixed,
            platform_url=adapter.platform_url,
        )


def _or_unset(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
