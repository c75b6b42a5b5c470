"""The list of nodes in the words of the API. Times in seconds since 1970."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ReviewAnswer(BaseModel):
    """What the reviewer whom this node listens to says of another."""

    verdict: str = Field(description="positive, negative or unknown")
    label: str = Field(description="trusted, verified, lgtm, lgtm2, suspicious, avoid, ...")
    created_at: int
    reviewer: str = Field(description="the reviewer's public key, in hexadecimal digits")
    words: str


class ProviderAnswer(BaseModel):
    """A node, as its announcement has it."""

    id: str = Field(description="its name among the announcements of its key")
    pubkey: str
    created_at: int
    kind: int
    endpoint_url: str
    endpoint_urls: list[str]
    onion_url: str | None
    name: str
    description: str
    mint_urls: list[str]
    version: str
    content: str = Field(description="of the announcement, as it was signed")
    review: ReviewAnswer | None


class HealthAnswer(BaseModel):
    """How it answered when it was last asked."""

    model_config = ConfigDict(populate_by_name=True)

    status_code: int | None
    endpoint: str = Field(description="info, models, root; error: none did; unknown: not asked")
    answer: Any = Field(alias="json", description="what it answered; null: no JSON, or too long")


class ProviderWithHealth(BaseModel):
    """A node, and how it answered."""

    provider: ProviderAnswer
    health: HealthAnswer


class ProviderList(BaseModel):
    """Nodes that relays tell of, in no order; with ``include_json`` each with its health."""

    providers: list[ProviderAnswer] | list[ProviderWithHealth]
