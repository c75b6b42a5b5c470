"""The node on Nostr in the words of the admin API. Times in seconds since 1970."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from routstr.admin.nostr.desk import Announced, RelayShown, Shown
from routstr.core.secret import Secret


class NsecChange(BaseModel):
    """Another key of the node."""

    model_config = ConfigDict(extra="forbid")

    nsec: Secret = Field(description="nsec1... or 64 hexadecimal digits; empty: no key any more")


class NsecChanged(BaseModel):
    """The key is in use."""

    ok: bool = True
    npub: str = Field(description="its public key; empty: there is none")


class RelayAnswer(BaseModel):
    """A relay."""

    url: str
    holds_announcement: bool
    of_own_list: bool = Field(description="from the key's own list of relays (NIP-65)")
    last_ok: int | None
    last_error: int | None
    error: str = Field(description="empty: the last thing went well")

    @classmethod
    def of(cls, one: RelayShown) -> Self:
        """As it is told."""
        return cls(
            url=one.url,
            holds_announcement=one.holds,
            of_own_list=one.own_list,
            last_ok=_seconds(one.last_ok),
            last_error=_seconds(one.last_error),
            error=one.error,
        )


class AnnouncedAnswer(BaseModel):
    """What is announced."""

    id: str
    provider_id: str
    created_at: int
    urls: list[str]
    mints: list[str]
    content: str

    @classmethod
    def of(cls, one: Announced) -> Self:
        """As it is told."""
        return cls(
            id=one.id,
            provider_id=one.provider,
            created_at=one.created_at // 1_000,
            urls=list(one.urls),
            mints=list(one.mints),
            content=one.content,
        )


class NostrAnswer(BaseModel):
    """How the node stands on Nostr."""

    npub: str
    nsec_locked: bool = Field(description="the environment names the key")
    state: str = Field(
        description="no_key, no_address, no_relay, waiting, announced, withdrawn or broken_key"
    )
    announcement: AnnouncedAnswer | None
    looked_at: int | None
    relays: list[RelayAnswer]

    @classmethod
    def of(cls, shown: Shown) -> Self:
        """As it is told."""
        return cls(
            npub=shown.npub,
            nsec_locked=shown.locked,
            state=shown.stand,
            announcement=AnnouncedAnswer.of(shown.announced) if shown.announced else None,
            looked_at=_seconds(shown.looked_at),
            relays=[RelayAnswer.of(one) for one in shown.relays],
        )


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1_000
