"""Routes of models and their prices, and of providers at work."""

from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Path, Query, Request

from routstr.admin.access import Guard, private
from routstr.admin.schemas import ProviderAnswer
from routstr.admin.scopes import Scope
from routstr.admin.selling.models import ModelDesk, Which
from routstr.admin.selling.providers import ProviderBoard
from routstr.admin.selling.schemas import (
    Batch,
    BatchAnswer,
    Deleted,
    DeletedMany,
    HealthAnswer,
    ModelAnswer,
    ModelChange,
    ModelCreate,
    ModelPage,
    ModelTest,
    NewProviderKey,
    ProbeAnswer,
    ProviderModels,
    TrialAnswer,
)
from routstr.admin.selling.shown import Row
from routstr.core.late_route import LateRoute
from routstr.errors import BodyTooLarge

TEST_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Selling:
    """What the routes and pages about models and providers need."""

    models: ModelDesk
    providers: ProviderBoard


def selling_of(request: Request) -> Selling:
    """The parts of the node that is asked."""
    return cast("Selling", request.app.state.admin_selling)


def _models(request: Request) -> ModelDesk:
    return selling_of(request).models


def _providers(request: Request) -> ProviderBoard:
    return selling_of(request).providers


Models = Annotated[ModelDesk, Depends(_models)]
Board = Annotated[ProviderBoard, Depends(_providers)]
Number = Annotated[int, Path(ge=1, le=1_000)]
Version = Annotated[int, Query(ge=0, lt=2**63, description="of the provider that was looked at")]

_HERE: Final = "/upstream-providers/{provider}"
router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(Guard(Scope.PROVIDERS))],
)


def _told(models: ModelDesk, row: Row) -> ModelAnswer:
    return ModelAnswer.of(row, models.formula(row))


async def _small(request: Request) -> None:
    """Refuse what is larger than a test may be."""
    if len(await request.body()) > TEST_BYTES_MAX:
        raise BodyTooLarge(f"A test has at most {TEST_BYTES_MAX} bytes.")


@router.get("/models")
async def list_models(
    models: Models,
    search: Annotated[str, Query(max_length=200)] = "",
    which: Which = "all",
    provider: Annotated[str, Query(max_length=64)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> ModelPage:
    """List models with what clients pay for them, and why."""
    found = models.find(search, which, provider, page)
    return ModelPage(
        models=[_told(models, row) for row in found.rows],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


@router.post("/models/test", dependencies=[Depends(_small)])
async def test_model(body: ModelTest, models: Models) -> TrialAnswer:
    """Ask a model something small. It is charged to nobody; the provider takes its price."""
    if body.provider is None:
        row = models.serving(body.model_id)
    else:
        row = models.one(await models.servers.name_of(body.provider), body.model_id)
    tried = await models.test(row, body.endpoint_type, body.request_data)
    return TrialAnswer.of(row.provider, tried)


@router.get(_HERE + "/models")
async def provider_models(provider: str, models: Models) -> ProviderModels:
    """List all models of a provider."""
    name = await models.servers.name_of(provider)
    return ProviderModels.of(name, models.all_of(name))


@router.post(_HERE + "/models")
async def put_model(provider: str, body: ModelCreate, models: Models) -> ModelAnswer:
    """Store what is said of a model, instead of what was stored of it."""
    name = await models.servers.name_of(provider)
    await models.change(name, [body.entry()], whole=True)
    return _told(models, models.one(name, body.id))


@router.delete(_HERE + "/models")
async def take_all_back(provider: str, models: Models) -> DeletedMany:
    """Forget what is stored of a provider's models."""
    return DeletedMany(deleted=await models.take_back(await models.servers.name_of(provider)))


@router.post(_HERE + "/batch-override")
async def put_models(provider: str, body: Batch, models: Models) -> BatchAnswer:
    """Store what is said of several models, all or none."""
    name = await models.servers.name_of(provider)
    await models.change(name, [one.entry() for one in body.models], whole=True)
    count = len(body.models)
    return BatchAnswer(count=count, message=f"{count} models changed")


@router.get(_HERE + "/models/{model:path}")
async def show_model(provider: str, model: str, models: Models) -> ModelAnswer:
    """Show a model, by its id in the provider's list."""
    return _told(models, models.one(await models.servers.name_of(provider), model))


@router.patch(_HERE + "/models/{model:path}")
async def change_model(provider: str, model: str, body: ModelChange, models: Models) -> ModelAnswer:
    """Change a model field by field; null takes a change back."""
    name = await models.servers.name_of(provider)
    row = models.one(name, model)
    await models.change(name, [body.entry(id=row.id)])
    return _told(models, models.one(name, model))


@router.delete(_HERE + "/models/{model:path}")
async def take_back(provider: str, model: str, models: Models) -> Deleted:
    """Sell a model as the file and the lists have it."""
    await models.take_back(await models.servers.name_of(provider), model)
    return Deleted(deleted_id=model)


@router.get("/provider-health")
async def provider_health(board: Board) -> list[HealthAnswer]:
    """Tell how the providers fare, and what they brought."""
    return [HealthAnswer.of(one) for one in await board.every()]


@router.get(_HERE + "/health")
async def health_of_provider(provider: str, board: Board) -> HealthAnswer:
    """Tell how one fares."""
    return HealthAnswer.of(await board.one(provider))


@router.post(_HERE + "/test")
async def test_provider(provider: str, board: Board) -> ProbeAnswer:
    """Ask a provider for its list, and a word with each key. It is charged to nobody."""
    return ProbeAnswer.of(await board.servers.name_of(provider), await board.probe(provider))


@router.post(_HERE + "/reset")
async def reset_provider(provider: str, board: Board) -> HealthAnswer:
    """Ask a provider again at once that is left alone. Of the process that answers."""
    await board.reset(provider)
    return HealthAnswer.of(await board.one(provider))


@router.post(_HERE + "/keys")
async def add_key(provider: str, body: NewProviderKey, board: Board) -> ProviderAnswer:
    """Use another key as well."""
    return await board.add_key(provider, body.api_key)


@router.delete(_HERE + "/keys/{number}")
async def remove_key(
    provider: str, number: Number, version: Version, board: Board
) -> ProviderAnswer:
    """Use a key no more, by its number."""
    return await board.remove_key(provider, number, version)
