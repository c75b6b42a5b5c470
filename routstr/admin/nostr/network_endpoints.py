"""The route about what others say on Nostr. Times in seconds since 1970."""

from typing import Annotated, Self, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from routstr.admin.access import Guard, private
from routstr.admin.nostr.network import NetworkDesk, NetworkShown, ReviewShown
from routstr.admin.scopes import Scope
from routstr.core.late_route import LateRoute


def network_of(request: Request) -> NetworkDesk:
    """The desk of the node that is asked."""
    return cast("NetworkDesk", request.app.state.admin_network)


Desk = Annotated[NetworkDesk, Depends(network_of)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(Guard(Scope.READ))],
)


class NodeReview(BaseModel):
    """What the reviewer says of this node."""

    verdict: str = Field(description="positive, negative or unknown")
    label: str
    words: str
    created_at: int

    @classmethod
    def of(cls, one: ReviewShown) -> Self:
        """As it is told."""
        return cls(
            verdict=one.verdict,
            label=one.label,
            words=one.words,
            created_at=one.created_at // 1_000,
        )


class NameMapping(BaseModel):
    """Another name of a model."""

    variant: str
    canonical: str


class NetworkAnswer(BaseModel):
    """What was read last."""

    reviewer: str = Field(description="npub that is listened to; empty: nobody is")
    read_at: int | None
    review: NodeReview | None
    nodes: int | None = Field(description="listed at /v1/providers/; null: that is off")
    curated_models: list[str]
    curated_models_sold: list[str]
    mappings: int = Field(description="how many other names of models the reviewer knows")
    mappings_here: list[NameMapping] = Field(
        description="those of models sold here that do not find them here"
    )

    @classmethod
    def of(cls, shown: NetworkShown) -> Self:
        """As it is told."""
        return cls(
            reviewer=shown.reviewer,
            read_at=None if shown.read_at is None else shown.read_at // 1_000,
            review=None if shown.review is None else NodeReview.of(shown.review),
            nodes=shown.nodes,
            curated_models=list(shown.curated),
            curated_models_sold=list(shown.curated_sold),
            mappings=shown.mappings,
            mappings_here=[
                NameMapping(variant=variant, canonical=canonical)
                for variant, canonical in shown.mappings_here
            ],
        )


@router.get("/nostr/network")
async def show_network(desk: Desk) -> NetworkAnswer:
    """Tell what a reviewer says of this node and of models."""
    return NetworkAnswer.of(await desk.show())
