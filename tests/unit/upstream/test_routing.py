import pytest

from routstr.errors import EndpointNotServed, InvalidModelPath, UpstreamTimeout, UpstreamUnavailable
from routstr.upstream.fleet import Fleet
from routstr.upstream.paths import path_of
from routstr.upstream.routing import CANDIDATES_MAX, Choice, Router
from tests.unit.upstream.carriers import Alarms, entry, profile

CHAT, MESSAGES, IMAGES = "/v1/chat/completions", "/v1/messages", "/v1/images/generations"


def fleet(**kinds: str) -> Fleet:
    """Providers by name and type."""
    profiles = [
        profile(name, "k", kind=kind, id=number)
        for number, (name, kind) in enumerate(kinds.items(), 1)
    ]
    return Fleet(Alarms().parts(), profiles)


def leave_alone(made: Fleet, name: str, now: float = 0) -> None:
    one = made.carriers[name]
    for _ in range(3):
        permit = one.breaker.enter(now)
        one.failed(one.lines[0], UpstreamTimeout(), permit, model="m", now=now)


def told(choices: object) -> list[str]:
    """Names in order; ``!`` for one that is left alone, ``~`` for a translation."""
    assert isinstance(choices, tuple | list)
    return [
        f"{'!' * one.forced}{'' if one.native else '~'}{one.carrier.name}"
        for one in choices
        if isinstance(one, Choice)
    ]


def test_candidates_come_as_the_catalog_ranks_them() -> None:
    router = Router(fleet(a="generic", b="openai", c="groq"))
    choices = router.choices(entry("b", "c", "a"), CHAT, None, 0)
    assert told(choices) == ["b", "c", "a"]
    assert [one.entry.provider for one in choices] == ["b", "c", "a"]


def test_whoever_is_left_alone_comes_last_the_soonest_back_first() -> None:
    made = fleet(a="generic", b="generic", c="generic")
    leave_alone(made, "a", now=5)
    leave_alone(made, "b", now=0)
    model = entry("a", "b", "c")
    assert told(Router(made).choices(model, CHAT, None, 6)) == ["c", "!b", "!a"]
    assert told(Router(made).choices(model, CHAT, None, 10)) == ["b", "c", "!a"]


def test_with_nobody_else_a_provider_is_asked_although_it_is_left_alone() -> None:
    made = fleet(a="generic")
    leave_alone(made, "a")
    assert told(Router(made).choices(entry("a"), CHAT, None, 1)) == ["!a"]


def test_who_does_not_speak_the_endpoint_is_translated_to_or_left_out() -> None:
    router = Router(fleet(a="groq", b="anthropic", c="azure"))
    model = entry("a", "b", "c")
    assert told(router.choices(model, MESSAGES, CHAT, 0)) == ["~a", "b", "~c"]
    assert told(router.choices(model, MESSAGES, None, 0)) == ["b"]
    assert told(router.choices(model, IMAGES, None, 0)) == ["c"]


def test_a_model_that_nobody_serves_at_the_endpoint_is_refused() -> None:
    router = Router(fleet(a="groq"))
    for model in (entry("a"), entry("gone", "a")):
        with pytest.raises(EndpointNotServed, match="/v1/images/generations"):
            router.choices(model, IMAGES, None, 0)


@pytest.mark.parametrize("providers", [("gone",), ("gone", "lost")])
def test_a_model_whose_providers_were_removed_is_unavailable(providers: tuple[str, ...]) -> None:
    with pytest.raises(UpstreamUnavailable):
        Router(fleet(a="groq")).choices(entry(*providers), CHAT, None, 0)


def test_a_request_is_offered_to_so_many_at_most() -> None:
    names = {f"p{number}": "generic" for number in range(CANDIDATES_MAX + 3)}
    assert len(Router(fleet(**names)).choices(entry(*names), CHAT, None, 0)) == CANDIDATES_MAX


def test_a_path_pins_one_provider() -> None:
    made = fleet(a="generic", b="generic", c="perplexity")
    leave_alone(made, "b")
    router, model = Router(made), entry("a", "b", "c")
    path = path_of(made.carriers["b"].profile, model.id)
    (choice,) = router.pinned(model, CHAT, None, path)
    assert (choice.carrier.name, choice.entry.provider) == ("b", "b")
    with pytest.raises(EndpointNotServed):
        router.pinned(model, IMAGES, None, path_of(made.carriers["c"].profile, model.id))
    for wrong in ("", path_of(made.carriers["b"].profile, "other"), path_of(profile("x"), "m")):
        with pytest.raises(InvalidModelPath):
            router.pinned(model, CHAT, None, wrong)


def test_a_node_without_providers_is_idle() -> None:
    assert Router(fleet()).idle
    assert not Router(fleet(a="groq")).idle
