"""What a reviewer's events come to."""

import json

import pytest

from routstr.core.secret import Secret
from routstr.discovery.events import Draft, Event
from routstr.discovery.identity import Identity
from routstr.discovery.reviews import (
    CURATED,
    CURATED_NAME,
    MAPPINGS,
    MAPPINGS_MAX,
    MAPPINGS_NAME,
    MODEL_CHARS_MAX,
    WORDS_CHARS_MAX,
    Curated,
    Names,
    Review,
    Verdict,
    curated_of,
    names_of,
    reviews_of,
    wanted,
)
from tests.unit.discovery.nodes_played import reviewed

JUDGE, BOB, EVE = (Identity(Secret(f"{n}{n}" * 32)) for n in (1, 2, 3))


def listed(kind: int, name: str, content: object, at: int = 5, by: Identity = JUDGE) -> Event:
    text = content if isinstance(content, str) else json.dumps(content)
    return by.sign(Draft(kind, (("d", name),), text), at)


def test_the_newest_review_of_a_node_counts_and_only_the_reviewers() -> None:
    events = [
        reviewed(JUDGE, BOB, "trusted", at=10),
        reviewed(JUDGE, BOB, "avoid", at=20, words="took\nmoney"),
        reviewed(JUDGE, BOB, "lgtm", at=15),
        reviewed(EVE, EVE, "trusted", at=30),
    ]
    found = reviews_of(events, JUDGE.pubkey)
    assert found == {BOB.pubkey: Review(Verdict.NEGATIVE, "avoid", 20, JUDGE.pubkey, "took money")}


@pytest.mark.parametrize(
    ("labels", "verdict", "label"),
    [
        (("trusted",), "positive", "trusted"),
        (("LGTM2",), "positive", "lgtm2"),
        (("removed",), "negative", "removed"),
        (("trusted", "suspicious"), "negative", "suspicious"),
        (("brilliant",), "unknown", "brilliant"),
        ((), "unknown", ""),
    ],
)
def test_labels_and_what_they_mean(labels: tuple[str, ...], verdict: str, label: str) -> None:
    (found,) = reviews_of([reviewed(JUDGE, BOB, *labels)], JUDGE.pubkey).values()
    assert (found.verdict, found.label) == (verdict, label)


def test_a_review_of_nobody_is_none_and_words_are_bounded() -> None:
    nobody = JUDGE.sign(Draft(38_425, (("d", "x"), ("node", "npub1"), ("t", "trusted"))), 1)
    wordy = reviewed(JUDGE, BOB, "trusted", words="w" * 5_000)
    found = reviews_of([nobody, wordy], JUDGE.pubkey)
    assert set(found) == {BOB.pubkey}
    assert len(found[BOB.pubkey].words) == WORDS_CHARS_MAX


def test_the_newest_list_of_models_is_read() -> None:
    events = [
        listed(CURATED, CURATED_NAME, {"models": ["old"]}, at=1),
        listed(CURATED, CURATED_NAME, {"models": ["a", "b", "a", "", "x" * 999], "v": 1}, at=2),
        listed(CURATED, CURATED_NAME, {"models": ["eve's"]}, at=3, by=EVE),
        listed(CURATED, "another", {"models": ["other"]}, at=4),
    ]
    assert curated_of(events, JUDGE.pubkey) == Curated(("a", "b"), 2)


def test_mappings_are_read_without_chains() -> None:
    content = {
        "mappings": {"v1": "a", "v2": "v1", "loop": "loop", "": "a", "b": "x" * 201, "v3": "a\n"}
    }
    assert MODEL_CHARS_MAX == 200
    found = names_of([listed(MAPPINGS, MAPPINGS_NAME, content)], JUDGE.pubkey)
    assert found == Names({"v1": "a"}, 5)


def test_too_many_mappings_are_none() -> None:
    many = {"mappings": {str(n): "a" for n in range(MAPPINGS_MAX + 1)}}
    assert names_of([listed(MAPPINGS, MAPPINGS_NAME, many)], JUDGE.pubkey) == Names({})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"models":7,"mappings":[]}', "[" * 5_000])
def test_what_cannot_be_read_is_nothing(content: str) -> None:
    assert curated_of([listed(CURATED, CURATED_NAME, content)], JUDGE.pubkey) == Curated()
    assert names_of([listed(MAPPINGS, MAPPINGS_NAME, content)], JUDGE.pubkey) == Names({})


def test_only_the_reviewer_is_asked_for() -> None:
    asked = [one.wire() for one in wanted(JUDGE.pubkey)]
    assert [(one["kinds"], one["authors"]) for one in asked] == [
        ((kind,), (JUDGE.pubkey,)) for kind in (38_425, 38_423, 38_426)
    ]
