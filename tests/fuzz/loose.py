"""What happened without being told to anybody: the books say that it did, the model whether it may.

Sagas that went on in the background, holds that a sweep ended, claims that the node noticed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from routstr.payment.claims import DEPOSITED
from routstr.payment.consolidation import CONSOLIDATION
from routstr.payment.deposits import FOREIGN_CREATE, FOREIGN_TOPUP
from routstr.payment.lightning_refund import LIGHTNING_REFUND
from routstr.payment.moving_books import SWAP_IN, SWAP_OUT
from routstr.payment.payout_books import PAYOUT, WITHDRAW
from routstr.wallet.models import SagaKind, SagaState
from tests.fuzz.explain import Broken, Event, Track, by_account, track
from tests.fuzz.facts import HoldFact, SagaFact
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.holding import PlaceHold, Release, Settle
from tests.fuzz.mint import TalliedMint
from tests.fuzz.model import Model, demand
from tests.fuzz.offering import PASSING
from tests.fuzz.operations import Answer, Scene
from tests.fuzz.passings import Wishes, arrived, passed
from tests.fuzz.paying_out import RefundExpired, SendBack
from tests.fuzz.receiving import Receive
from tests.fuzz.records import BEARER, Account, End

_OPERATOR: Final = -1


@dataclass(frozen=True, slots=True)
class Sweeps:
    """The sweeps of a step: by which instances, and what the books were like for them."""

    by: frozenset[int]
    silent: frozenset[int]
    live: frozenset[int]
    owed: tuple[tuple[int, int], ...]
    """Holds and costs that the sweeping instances had not settled yet."""


def loose_tracks(
    scene: Scene,
    answers: Sequence[Answer],
    sweeps: Sweeps,
    mints: Mapping[str, TalliedMint],
    wishes: Wishes,
) -> list[Track]:
    """Events that need no answer to explain them."""
    told = [
        operation.given.ys
        for operation, answer in zip(scene.asked, answers, strict=True)
        if isinstance(operation, Receive) and answer.value is not None
    ]
    tracks = [*by_account(_swept(scene, sweeps)), *_owed(scene, sweeps)]
    for id_, saga in sorted(scene.facts.sagas.items()):
        mint = mints[saga.mint]
        if saga.kind is SagaKind.FORWARD and isinstance(mint, ForeignMint):
            tracks.append(passed(id_, saga, scene, wishes, mint))
        elif saga.purpose in (FOREIGN_CREATE, FOREIGN_TOPUP):
            new = saga.state is SagaState.DONE and saga.ys not in scene.before.deposits
            tracks += [arrived(saga, wishes)] if new else []
        elif saga.kind is not SagaKind.RECEIVE:
            tracks += _moved(id_, saga, scene)
        elif saga.state is SagaState.DONE:
            _require_redeemed(saga, mints[saga.mint], wishes)
            if saga.ys not in told and saga.ys not in scene.before.deposits:
                tracks.append(_redeemed(saga))
        elif saga.state is SagaState.FAILED and id_ in scene.open_before:
            _require_free(scene.open_before[id_], mints[saga.mint])
    tracks += [_noticed(saga, scene) for saga in sorted(scene.facts.claimed)]
    return tracks


def _swept(scene: Scene, sweeps: Sweeps) -> Iterator[tuple[int, Event]]:
    for id_, fact in sorted(scene.facts.holds.items()):
        before = scene.before.holds.get(id_)
        if before is not None and before.end is not End.OPEN:
            continue
        if fact.hold.end in (End.EXPIRED, End.LATE):
            yield fact.hold.account, _expired(id_, fact, sweeps)
        elif fact.hold.end is End.RELEASED and before is not None and not _asked(id_, scene):
            yield fact.hold.account, _left(id_, fact, sweeps)


def _owed(scene: Scene, sweeps: Sweeps) -> Iterator[Track]:
    """Settlements that a sweep made up for, before or after it ended other holds."""
    for id_, cost in sweeps.owed:
        fact = scene.facts.holds.get(id_)
        if fact is not None and fact.hold.end in (End.SETTLED, End.LATE):
            yield track(fact.hold.account, _settled_late(id_, cost, fact.hold.period))


def _asked(hold: int, scene: Scene) -> bool:
    return any(
        (isinstance(o, Settle | Release) and o.hold == hold)
        or (isinstance(o, PlaceHold) and o.request == scene.facts.holds[hold].request)
        for o in scene.asked
    )


def _expired(hold: int, fact: HoldFact, sweeps: Sweeps) -> Event:
    def event(model: Model) -> None:
        demand(bool(sweeps.by - {fact.owner}), f"hold {hold} expired without a sweep")
        demand(fact.owner in sweeps.silent, f"hold {hold} expired, its owner lives")
        model.expire(hold)

    return event


def _left(hold: int, fact: HoldFact, sweeps: Sweeps) -> Event:
    def event(model: Model) -> None:
        demand(fact.owner in sweeps.by, f"hold {hold} was released by nobody")
        demand(hold not in sweeps.live, f"hold {hold} was swept, a request works on it")
        model.release(hold)

    return event


def _settled_late(hold: int, cost: int, period: int) -> Event:
    return lambda model: model.settle(hold, cost, period)


def _moved(id_: int, saga: SagaFact, scene: Scene) -> list[Track]:
    """What became of money that the node moved, or that came by an invoice."""
    if saga.kind is SagaKind.SEND:
        return [_sent(id_, saga, scene)]
    if saga.purpose in (SWAP_OUT, CONSOLIDATION):
        return [_renewed(id_, saga, scene)]
    if saga.kind is SagaKind.MELT:
        return [_left_by_lightning(id_, saga, scene)]
    if saga.state is not SagaState.DONE or saga.ys in scene.before.deposits:
        return []
    return [_arrived(saga.net) if saga.purpose == SWAP_IN else _redeemed(saga)]


def _sent(id_: int, saga: SagaFact, scene: Scene) -> Track:
    """A refund's debit when its saga is new, and its end if it has ended."""
    events: list[Event] = []
    account = None if saga.purpose == WITHDRAW else saga.account
    gross, fee = (int(saga.unit.to_msat(amount)) for amount in (saga.gross, saga.fee))
    if id_ not in scene.open_before:
        deposited = json.loads(saga.context).get(DEPOSITED, 0)
        before = scene.before.accounts.get(account or 0, Account()).deposited
        events.append(lambda _: demand(account is None or deposited >= before, f"{saga}: {before}"))
        events.append(lambda m: m.debit(id_, account, gross, deposited))
    if saga.state is SagaState.DONE:
        events.append(lambda m: m.issue(id_, fee))
    elif saga.state is SagaState.FAILED:
        events.append(lambda m: m.undo(id_))
    return track(_OPERATOR if account is None else account, *events)


def _left_by_lightning(id_: int, saga: SagaFact, scene: Scene) -> Track:
    """The same for what leaves over Lightning."""
    events: list[Event] = []
    account = None if saga.purpose == PAYOUT else saga.account
    gross, spent = (int(saga.unit.to_msat(amount)) for amount in (saga.gross, saga.spent))
    if id_ not in scene.open_before:
        if saga.purpose == LIGHTNING_REFUND and account is not None:
            events.append(lambda m: _require_wanted(m, account, saga, scene))
        events.append(lambda m: m.leave(id_, account, gross))
    if saga.state is SagaState.DONE:
        events.append(lambda m: m.arrive(id_, spent))
    elif saga.state is SagaState.FAILED:
        events.append(lambda m: m.stay(id_))
    return track(_OPERATOR if account is None else account, *events)


def _require_wanted(model: Model, account: int, saga: SagaFact, scene: Scene) -> None:
    """Its owner asks for it now, or has said so for the time after the key's end."""
    if any(isinstance(o, SendBack) and o.payer.account == account for o in scene.asked):
        return
    owner, address = model.account(account), json.loads(saga.context)["recipient"]
    over = owner.expires_at is not None and owner.expires_at <= scene.until
    demand(any(isinstance(o, RefundExpired) for o in scene.asked), f"nobody asked for {saga}")
    demand(over and owner.address == address, f"{saga} is paid to {address} for {owner}")


def _renewed(id_: int, saga: SagaFact, scene: Scene) -> Track:
    """Own ecash that is renewed, or leaves for another mint; the operator bears what it costs."""
    events: list[Event] = []
    gross, fee, spent = (int(saga.unit.to_msat(n)) for n in (saga.gross, saga.fee, saga.spent))
    amount = json.loads(saga.context)["amount_msat"] if saga.purpose == SWAP_OUT else gross - fee
    most = gross - amount
    kept = spent - amount if saga.purpose == SWAP_OUT else fee
    if id_ not in scene.open_before:
        events.append(lambda m: m.set_aside(most))
    if saga.state is SagaState.DONE:
        left = spent if saga.purpose == SWAP_OUT else fee
        events += [lambda m: m.set_aside(kept - most), lambda m: m.pass_by(-left)]
    elif saga.state is SagaState.FAILED:
        events.append(lambda m: m.set_aside(-most))
    return track(_OPERATOR, *events)


def _arrived(amount: int) -> Track:
    return track(_OPERATOR, lambda m: m.pass_by(amount))


def _redeemed(saga: SagaFact) -> Track:
    assert saga.account is not None, "a saga that is done names its account"
    account = saga.account
    return track(account, lambda m: m.redeem(saga.ys, saga.purpose, account, saga.net))


def _require_redeemed(saga: SagaFact, mint: TalliedMint, wishes: Wishes) -> None:
    if isinstance(mint, ForeignMint):
        raise Broken(f"{saga}: the node has taken ecash of a mint that nobody chose")
    if not all(mint.spent_by_node(y) for y in saga.ys):
        raise Broken(f"{saga} is done, and its mint has not swapped the token")
    account = saga.account if saga.purpose == "topup" else None
    if saga.ys not in wishes or (saga.purpose, account) not in wishes[saga.ys].ends:
        raise Broken(f"{saga} is done, and nobody asked for it")


def _require_free(saga: SagaFact, mint: TalliedMint) -> None:
    if any(mint.spent_by_node(y) for y in saga.ys):
        raise Broken(f"{saga} was given up, and its mint has swapped the token")


def _noticed(saga: int, scene: Scene) -> Track:
    account = scene.before.refunds[saga].account
    whose = {None: _OPERATOR, BEARER: PASSING}.get(account, account)
    return track(_OPERATOR if whose is None else whose, lambda model: model.claim(saga))
