"""Finds an order of events, one after the other, that explains what several clients were told.

A *track* is a list of events that happened in that order; tracks may be interleaved as one likes.
Where nobody was told how something ended, there are several *alternatives*. What was told and what
the books say must be right in some interleaving of some choice: then the step was serialisable.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Final, TypeAlias

from tests.fuzz.facts import Facts
from tests.fuzz.model import Impossible, Model

Event: TypeAlias = Callable[[Model], object]
Track: TypeAlias = Sequence[Event]
Alternatives: TypeAlias = Sequence[Sequence[Track]]

_EVENTS_TRIED_MAX: Final = 30_000


class Broken(Exception):
    """The node did not keep a promise about money."""


def explained(
    model: Model, facts: Facts, loose: Sequence[Track], told: Sequence[Alternatives]
) -> Model:
    """The model after what happened, or :class:`Broken` when nothing explains it."""
    search = _Search(facts)
    for choice in product(*told):
        tracks = [track for track in (*loose, *(t for some in choice for t in some)) if track]
        found = search.run(model, tracks)
        if found is not None:
            return found
    raise Broken(search.reason)


class _Search:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._left_least = 1_000_000
        self._tried = 0
        self.reason = ""

    def run(self, model: Model, tracks: Sequence[Track]) -> Model | None:
        """Try each track's next event, then what follows it."""
        if not tracks:
            return self._allowed(model, lambda m: agree(m, self._facts), 0)
        left = sum(map(len, tracks))
        for index, track in enumerate(tracks):
            self._tried += 1
            if self._tried > _EVENTS_TRIED_MAX:
                return None
            after = self._allowed(model.fork(), track[0], left)
            if after is None:
                continue
            rest = [track[1:]] if len(track) > 1 else []
            found = self.run(after, [*tracks[:index], *rest, *tracks[index + 1 :]])
            if found is not None:
                return found
        return None

    def _allowed(self, model: Model, event: Event, left: int) -> Model | None:
        try:
            event(model)
        except Impossible as impossible:
            if left <= self._left_least:  # of all attempts, the one that came the farthest tells
                self._left_least = left
                self.reason = str(impossible)
            return None
        return model


def agree(model: Model, facts: Facts) -> None:
    """The books are what the model says."""
    if model.accounts != facts.accounts:
        for account in sorted(model.accounts.keys() | facts.accounts.keys()):
            what = f"account {account}"
            _same(what, model.accounts.get(account), facts.accounts.get(account))
    for name in ("unclaimed", "revenue", "loss"):
        _same(name, getattr(model, name), getattr(facts, name))
    for hold, fact in facts.holds.items():
        _same(f"hold {hold}", model.holds.get(hold), fact.hold)


def _same(what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise Impossible(f"{what}: the books say {theirs}, should be {ours}")


def by_account(events: Iterable[tuple[int, Event]]) -> list[Track]:
    """Events of different accounts in tracks of their own: only these can matter to each other."""
    tracks: dict[int, list[Event]] = {}
    for account, event in events:
        tracks.setdefault(account, []).append(event)
    return list(tracks.values())
