"""Routes of the wallet: what is where, what moves, and taking out what is one's own."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Path, Query, Request

from routstr.admin.access import Guard, private
from routstr.admin.scopes import Scope, needs
from routstr.admin.wallet.actions import WalletActions
from routstr.admin.wallet.desk import PAGE, WalletDesk
from routstr.admin.wallet.schemas import (
    MintBalance,
    MoveAnswer,
    MoveList,
    MoveRequest,
    PayoutAnswer,
    PayoutList,
    PayoutRequest,
    ReleaseAnswer,
    ReleaseRequest,
    ResolvedList,
    SagaList,
    TakenOut,
    TakeOut,
    TidyAnswer,
    VerificationAnswer,
    VerifyRequest,
    WalletAnswer,
)
from routstr.core.late_route import LateRoute
from routstr.payment.idempotency.repeats import checked_key


def actions_of(request: Request) -> WalletActions:
    """What moves the money of the node that is asked."""
    return cast("WalletActions", request.app.state.admin_wallet)


def desk_of(request: Request) -> WalletDesk:
    """What looks at its wallet."""
    return actions_of(request).desk


Desk = Annotated[WalletDesk, Depends(desk_of)]
Actions = Annotated[WalletActions, Depends(actions_of)]
Before = Annotated[int | None, Query(ge=1, lt=2**63, description="only with ids below this one")]
Limit = Annotated[int, Query(ge=1, le=200)]
Number = Annotated[int, Path(ge=1, lt=2**63)]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="the same as ``operation_id``")
]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin",
    tags=["admin"],
    dependencies=[Depends(private), Depends(Guard(Scope.MONEY))],
)


@router.get("/api/balances")
async def list_balances(desk: Desk) -> list[MintBalance]:
    """What is at each mint in each unit, and whose it is."""
    return await desk.balances()


@router.get("/api/wallet")
async def show_wallet(desk: Desk) -> WalletAnswer:
    """Everything about the wallet and its mints."""
    return await desk.overview()


@router.get("/api/wallet/sagas")
async def list_sagas(desk: Desk, before: Before = None, limit: Limit = PAGE) -> SagaList:
    """The newest movements at mints, ended or not."""
    return await desk.sagas(before, limit)


@router.get("/api/wallet/sagas/open")
async def list_open_sagas(desk: Desk) -> SagaList:
    """Movements at mints that have not ended, oldest first, and what each waits for."""
    return await desk.open_sagas()


@router.post("/api/wallet/sagas/resolve")
async def resolve_sagas(actions: Actions) -> ResolvedList:
    """Ask the mints now what became of all open movements."""
    return await actions.resolve()


@router.post("/api/wallet/sagas/{saga}/resolve")
async def resolve_saga(saga: Number, actions: Actions) -> ResolvedList:
    """Ask its mint now what became of one movement."""
    return await actions.resolve(saga)


@router.post("/withdraw")
async def withdraw(body: TakeOut, actions: Actions, key: IdempotencyKey = None) -> TakenOut:
    """Take some of the operator's own money out as a token. Nothing that is owed is touched."""
    if key is not None and body.operation_id is None:
        body = body.model_copy(update={"operation_id": checked_key(key)})
    return await actions.withdraw(body)


@router.get("/api/wallet/withdrawals/{saga}")
@needs(Scope.MONEY)
async def tell_token(saga: Number, desk: Desk) -> TakenOut:
    """Tell a token again that was taken out."""
    return await desk.token(saga)


@router.get("/api/wallet/payouts")
async def list_payouts(desk: Desk, before: Before = None, limit: Limit = PAGE) -> PayoutList:
    """What the operator has taken out, newest first."""
    return await desk.list_payouts(before, limit)


@router.post("/api/wallet/payouts")
async def pay_out(body: PayoutRequest, actions: Actions) -> PayoutAnswer:
    """Pay some or all of the operator's own money out over Lightning."""
    return await actions.pay_out(body)


@router.get("/api/wallet/moves")
async def list_moves(desk: Desk) -> MoveList:
    """The newest moves of ecash between mints."""
    return await desk.moves()


@router.post("/api/wallet/moves")
async def move(body: MoveRequest, actions: Actions) -> MoveAnswer:
    """Move ecash from one listed mint to another, at the operator's cost."""
    return await actions.move(body)


@router.get("/api/wallet/verification")
async def show_verification(desk: Desk) -> VerificationAnswer:
    """Every equation of the books as the last verification found it."""
    return desk.verification()


@router.post("/api/wallet/verification")
async def verify(body: VerifyRequest, actions: Actions) -> VerificationAnswer:
    """Begin to verify the books, in the background."""
    return actions.verify(full=body.full)


@router.post("/api/wallet/tidy")
async def tidy(actions: Actions) -> TidyAnswer:
    """Renew proofs that are many or old now."""
    return await actions.tidy()


@router.post("/api/wallet/recovered")
async def give_recovered(body: ReleaseRequest, actions: Actions) -> ReleaseAnswer:
    """Give what was found beside the books to a key, or to the operator."""
    return await actions.release(body)
