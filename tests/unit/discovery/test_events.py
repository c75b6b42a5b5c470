import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.secret import Secret
from routstr.discovery.events import Draft, Event, Filter, genuine, is_genuine, newest, parse
from routstr.discovery.identity import Identity

ME = Identity(Secret("11" * 32))
EVENT = ME.sign(Draft(38_421, (("d", "node"), ("u", "https://a"), ("u", "http://b")), "{}"), 1_000)


def made(kind: int, at: int, *tags: tuple[str, ...], id_: str = "0" * 64) -> Event:
    return Event(id_, "a" * 64, at, kind, tags, "", "0" * 128)


def test_an_event_is_read_as_it_was_written() -> None:
    assert parse(msgspec.json.encode(EVENT)) == EVENT
    assert EVENT.values("u") == ("https://a", "http://b")
    assert EVENT.identifier == "node"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "00" * 32},
        {"pubkey": "11" * 32},
        {"created_at": 1_001},
        {"kind": 38_422},
        {"tags": []},
        {"content": "{} "},
        {"sig": "00" * 64},
    ],
)
def test_an_event_that_was_changed_is_not_genuine(change: dict[str, object]) -> None:
    forged = msgspec.convert(msgspec.to_builtins(EVENT) | change, Event)
    assert is_genuine(EVENT)
    assert not is_genuine(forged)
    assert genuine([forged, EVENT, EVENT]) == [EVENT]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "0" * 63},
        {"pubkey": "A" * 64},
        {"created_at": -1},
        {"created_at": 1.5},
        {"kind": 65_536},
        {"tags": [["d", 1]]},
        {"tags": [["d"]] * 2_001},
        {"content": "x" * (256 * 1024 + 1)},
        {"sig": None},
    ],
)
def test_what_is_no_event_is_not_read(change: dict[str, object]) -> None:
    assert parse(msgspec.json.encode(msgspec.to_builtins(EVENT) | change)) is None


@given(st.binary(max_size=200))
def test_noise_is_no_event(noise: bytes) -> None:
    assert parse(noise) is None


def test_a_filter_admits_what_it_asks_for() -> None:
    asked = Filter(kinds=(38_421,), authors=(ME.pubkey,), tags={"d": ("node", "x")}, since=1_000)
    assert asked.admits(EVENT)
    assert Filter().admits(EVENT)
    for other in (
        Filter(kinds=(1,)),
        Filter(authors=("b" * 64,)),
        Filter(tags={"d": ("other",)}),
        Filter(since=1_001),
    ):
        assert not other.admits(EVENT)
    assert asked.wire() == {
        "kinds": (38_421,),
        "authors": (ME.pubkey,),
        "#d": ("node", "x"),
        "since": 1_000,
    }
    assert Filter(limit=3).wire() == {"limit": 3}


def test_the_newest_of_an_address_stays_and_of_two_alike_the_lower_id() -> None:
    old, new = made(38_421, 1, ("d", "a")), made(38_421, 2, ("d", "a"))
    low, high = made(38_421, 2, ("d", "b"), id_="1" * 64), made(38_421, 2, ("d", "b"), id_="2" * 64)
    list_, note = made(10_002, 1), made(1, 1, id_="3" * 64)
    found = newest([old, new, high, low, list_, note])
    assert set(found.values()) == {new, low, list_, note}
    assert newest([new, old])[new.address] == new
