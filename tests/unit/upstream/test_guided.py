from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from routstr.errors import EndpointNotServed, UpstreamUnavailable
from routstr.upstream.guided import Guide, GuidedRouter, Wanted
from routstr.upstream.paths import path_of
from routstr.upstream.routing import CANDIDATES_MAX, Choice
from tests.unit.upstream.carriers import entry
from tests.unit.upstream.test_routing import CHAT, IMAGES, fleet, leave_alone, told

Pick = Callable[[Sequence[Choice]], Sequence[Choice]]


@dataclass
class Picking:
    """A guide that does what a function says, and keeps what it was asked."""

    pick: Pick
    asked: list[Wanted] = field(default_factory=list)

    def guide(self, wanted: Wanted, choices: Sequence[Choice]) -> Sequence[Choice]:
        self.asked.append(wanted)
        return self.pick(choices)


def without(name: str) -> Picking:
    return Picking(lambda choices: [one for one in choices if one.carrier.name != name])


BACKWARDS: Pick = lambda choices: choices[::-1]  # noqa: E731 - of a type


def test_guides_order_and_filter_one_after_the_other() -> None:
    made = fleet(a="generic", b="generic", c="generic")
    backwards = Picking(BACKWARDS)
    router = GuidedRouter(made, [without("b"), backwards])
    assert isinstance(backwards, Guide)
    model = entry("a", "b", "c")
    assert told(router.choices(model, CHAT, None, 0)) == ["c", "a"]
    assert backwards.asked == [Wanted(model.id, CHAT)]
    leave_alone(made, "a")
    assert told(router.choices(model, CHAT, None, 1)) == ["!a", "c"]


def test_a_guide_sees_everybody_and_only_then_the_number_is_limited() -> None:
    names = [f"p{number}" for number in range(CANDIDATES_MAX + 2)]
    router = GuidedRouter(fleet(**dict.fromkeys(names, "generic")), [Picking(BACKWARDS)])
    assert told(router.choices(entry(*names), CHAT, None, 0)) == names[:1:-1]


def test_nobody_is_asked_who_was_not_offered_and_nobody_twice() -> None:
    def forge(choices: Sequence[Choice]) -> Sequence[Choice]:
        cheaper = replace(choices[1], forced=True)
        return [choices[1], cheaper, choices[1]]

    router = GuidedRouter(fleet(a="generic", b="generic"), [Picking(forge)])
    assert told(router.choices(entry("a", "b"), CHAT, None, 0)) == ["b"]


def test_a_guide_holds_for_pinned_providers_too() -> None:
    made = fleet(a="generic", b="generic")
    router, model = GuidedRouter(made, [without("a")]), entry("a", "b")
    paths = {name: path_of(made.carriers[name].profile, model.id) for name in "ab"}
    assert told(router.pinned(model, CHAT, None, paths["b"])) == ["!b"]
    with pytest.raises(UpstreamUnavailable, match="may serve"):
        router.pinned(model, CHAT, None, paths["a"])


def test_when_guides_leave_nobody_nothing_is_served() -> None:
    router = GuidedRouter(fleet(a="groq"), [without("a")])
    with pytest.raises(UpstreamUnavailable, match="may serve"):
        router.choices(entry("a"), CHAT, None, 0)
    with pytest.raises(EndpointNotServed):
        router.choices(entry("a"), IMAGES, None, 0)
