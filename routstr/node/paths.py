"""Routes that list the model paths: which providers serve a model, for who wants a certain one."""

from collections.abc import Iterator
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from msgspec import Struct
from pydantic import BaseModel, Field

from routstr.catalog.service import Catalog
from routstr.catalog.snapshot import ModelEntry, Snapshot
from routstr.core.clock import Clock
from routstr.core.late_route import LateRoute
from routstr.errors import NotFound, PriceUnavailable
from routstr.upstream.fleet import Fleet
from routstr.upstream.paths import path_of


class PathParts(Struct, frozen=True):
    """What these routes need."""

    catalog: Catalog
    fleet: Fleet
    clock: Clock


class PathProvider(BaseModel):
    """Who serves at the end of a path."""

    id: int
    slug: str
    type: str


class PathAnswer(BaseModel):
    """One way to a model; ``path`` goes back as X-Routstr-Model-Path."""

    path: str
    provider: PathProvider
    endpoint: None = None


class ModelPaths(BaseModel):
    """All ways to one model, the cheapest first."""

    id: str
    paths: list[PathAnswer]


class PathList(BaseModel):
    """The ways to every model."""

    data: list[ModelPaths]
    updated_at: int | None = Field(description="Unix time; null while nothing is sold")


class PathsOfModel(BaseModel):
    """The ways to one model."""

    data: list[PathAnswer]
    updated_at: int | None


def _parts(request: Request) -> PathParts:
    return cast("PathParts", request.app.state.paths)


Parts = Annotated[PathParts, Depends(_parts)]
router = APIRouter(route_class=LateRoute, tags=["node"])


@router.get("/v1/models/paths")
@router.get("/models/paths", include_in_schema=False)
async def model_paths(parts: Parts) -> PathList:
    """List which providers serve which models."""
    snapshot = _snapshot(parts)
    if snapshot is None:
        return PathList(data=[], updated_at=None)
    data = [
        ModelPaths(id=entry.id, paths=list(_paths(entry, parts.fleet)))
        for entry in snapshot.models.values()
    ]
    return PathList(data=data, updated_at=parts.clock.now_ms() // 1_000)


@router.get("/v1/models/paths/model")
@router.get("/models/paths/model", include_in_schema=False)
async def paths_of_model(model_id: str, parts: Parts) -> PathsOfModel:
    """List which providers serve one model; 404 for one that is not sold."""
    snapshot = _snapshot(parts)
    entry = None if snapshot is None else snapshot.find(model_id)
    if entry is None:
        raise NotFound("Model not found")
    paths = list(_paths(entry, parts.fleet))
    return PathsOfModel(data=paths, updated_at=parts.clock.now_ms() // 1_000)


def _snapshot(parts: PathParts) -> Snapshot | None:
    try:
        return parts.catalog.current()
    except PriceUnavailable:
        return None


def _paths(entry: ModelEntry, fleet: Fleet) -> Iterator[PathAnswer]:
    for one in (entry, *entry.others):
        carrier = fleet.carriers.get(one.provider)
        if carrier is not None:
            profile = carrier.profile
            provider = PathProvider(id=profile.id, slug=profile.name, type=profile.adapter.name)
            yield PathAnswer(path=path_of(profile, entry.id), provider=provider)
