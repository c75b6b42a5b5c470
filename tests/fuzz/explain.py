"""Finds an order of events, one after the other, that explains what several clients were told.

A *track* is a list of events that happened in that order; tracks may be interleaved as one likes.
Where nobody was told how something ended, there are several *alternatives*. What was told and what
the books say must be right in some interleaving of some choice: then the step was serialisable.
Tracks that share no account cannot matter to each other, and are explained one group after another.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from tests.fuzz.facts import Facts
from tests.fuzz.model import Impossible, Model

Event: TypeAlias = Callable[[Model], object]


class Track(NamedTuple):
    """Events in their order, and the accounts that they have to do with."""

    accounts: frozenset[int]
    events: tuple[Event, ...]


Alternatives: TypeAlias = Sequence[Sequence[Track]]

_EVENTS_TRIED_MAX: Final = 30_000
_SUMS: Final = (
    "unclaimed",
    "in_flight",
    "transit",
    "revenue",
    "loss",
    "payouts",
    "mint_fees",
    "donations",
)


class Broken(Exception):
    """The node did not keep a promise about money."""


def explained(
    model: Model, facts: Facts, loose: Sequence[Track], told: Sequence[Alternatives]
) -> Model:
    """The model after what happened, or :class:`Broken` when nothing explains it."""
    search = _Search(facts)
    with suppress(_Exhausted):
        for choice in product(*told):
            after = search.through([*loose, *(track for some in choice for track in some)], model)
            if after is not None:
                return after
    raise Broken(search.reason)


def track(account: int, *events: Event) -> Track:
    """Events that have to do with one account."""
    return Track(frozenset({account}), events)


class _Exhausted(Exception):
    """Too many orders are possible."""


class _Search:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._left_least = 1_000_000
        self._tried = 0
        self.reason = ""

    def through(self, tracks: Iterable[Track], model: Model) -> Model | None:
        """Explain each group of tracks, then look at everything."""
        after: Model | None = model
        for accounts, group in _groups(tracks):
            after = None if after is None else self._run(after, group, accounts)
        if after is None:
            return None
        return self._allowed(after.fork(), lambda m: agree(m, self._facts), 0)

    def _run(self, model: Model, tracks: Sequence[Track], accounts: frozenset[int]) -> Model | None:
        """Try each track's next event, then what follows it; what changes nothing comes at once."""
        if not tracks:
            return self._allowed(model, lambda m: agree_on(m, self._facts, accounts), 1)
        left = 1 + sum(len(track.events) for track in tracks)
        ways: list[tuple[Model, list[Track]]] = []
        for index, (about, events) in enumerate(tracks):
            self._tried += 1
            if self._tried > _EVENTS_TRIED_MAX:
                self.reason = f"no order was found in {_EVENTS_TRIED_MAX} tries: {self.reason}"
                raise _Exhausted
            after = self._allowed(model.fork(), events[0], left)
            if after is None:
                continue
            rest = [Track(about, events[1:])] if len(events) > 1 else []
            others = [*tracks[:index], *rest, *tracks[index + 1 :]]
            if after == model:
                return self._run(after, others, accounts)
            ways.append((after, others))
        found = (self._run(after, others, accounts) for after, others in ways)
        return next((one for one in found if one is not None), None)

    def _allowed(self, model: Model, event: Event, left: int) -> Model | None:
        try:
            event(model)
        except Impossible as impossible:
            if left <= self._left_least:  # of all attempts, the one that came the farthest tells
                self._left_least = left
                self.reason = str(impossible)
            return None
        return model


def _groups(tracks: Iterable[Track]) -> list[tuple[frozenset[int], list[Track]]]:
    """Put together what shares an account."""
    groups: list[tuple[frozenset[int], list[Track]]] = []
    for one in tracks:
        if not one.events:
            continue
        near = [group for group in groups if group[0] & one.accounts]
        groups = [group for group in groups if not group[0] & one.accounts]
        accounts = one.accounts.union(*(group[0] for group in near))
        groups.append((accounts, [*(t for group in near for t in group[1]), one]))
    return groups


def agree(model: Model, facts: Facts) -> None:
    """The books are what the model says."""
    agree_on(model, facts, model.accounts.keys() | facts.accounts.keys())
    for name in _SUMS:
        _same(name, getattr(model, name), getattr(facts, name))
    if model.surplus < 0:
        raise Impossible(f"{-model.surplus} msat of customers' money were paid out")


def agree_on(model: Model, facts: Facts, accounts: Iterable[int]) -> None:
    """So they are for these accounts and their holds."""
    some = sorted(accounts)
    for account in some:
        _same(f"account {account}", model.accounts.get(account), facts.accounts.get(account))
    for hold, fact in facts.holds.items():
        if fact.hold.account in some:
            _same(f"hold {hold}", model.holds.get(hold), fact.hold)
    for id_ in sorted(model.limits.keys() | facts.children.keys()):
        ours, child = model.limits.get(id_), facts.children.get(id_)
        theirs = None if child is None else child.limit
        if any(it is not None and it.account in some for it in (ours, theirs)):
            _same(f"child {id_}", ours, theirs)


def _same(what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise Impossible(f"{what}: the books say {theirs}, should be {ours}")


def by_account(events: Iterable[tuple[int, Event]]) -> list[Track]:
    """One track for each account."""
    found: dict[int, tuple[Event, ...]] = {}
    for account, event in events:
        found[account] = (*found.get(account, ()), event)
    return [track(account, *some) for account, some in found.items()]
