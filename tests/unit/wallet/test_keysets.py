from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import InvalidToken
from routstr.wallet.keysets import (
    AmbiguousKeyset,
    InvalidKeyset,
    KeysetInfo,
    UnknownKeyset,
    choose_active,
    derive_id_v1,
    derive_id_v2,
    expand_id,
    input_fee,
    is_full_id,
    is_full_or_short_id,
    short_id,
    with_keys,
)
from tests.unit.wallet.signing import Signer, vectors

VECTORS = vectors("keysets")
V1_IDS = {"small": "00456a94ab4e1c46", "big": "000f01df73ea149a"}
V2 = [
    (
        "015ba18a8adcd02e715a58358eb618da4a4b3791151a4bee5e968bb88406ccf76a",
        "small",
        100,
        2059210353,
    ),
    ("01ab6aa4ff30390da34986d84be5274b48ad7a74265d791095bfc39f4098d9764f", "big", 0, 2059210353),
    ("012fbb01a4e200c76df911eeba3b8fe1831202914b24664f4bccbd25852a6708f8", "big", 0, None),
]


def keys(name: str) -> dict[int, str]:
    return {int(amount): key for amount, key in VECTORS[name].items()}


def points(name: str) -> dict[int, bytes]:
    return {amount: bytes.fromhex(key) for amount, key in keys(name).items()}


@pytest.mark.parametrize("name", ["missing_byte", "uncompressed"])
def test_malformed_keys_are_rejected_as_in_nut_01(name: str) -> None:
    claimed = derive_id_v1(points(name))
    with pytest.raises(InvalidKeyset, match="compressed point"):
        with_keys(KeysetInfo(claimed, "sat", active=True), keys(name))


@pytest.mark.parametrize("name", ["small", "big"])
def test_well_formed_keys_are_accepted_as_in_nut_01(name: str) -> None:
    keyset = with_keys(KeysetInfo(V1_IDS[name], "sat", active=True), keys(name))
    assert dict(keyset.keys) == points(name)
    assert list(keyset.keys) == sorted(keyset.keys)


@pytest.mark.parametrize("name", ["small", "big"])
def test_v1_ids_as_in_nut_02(name: str) -> None:
    assert derive_id_v1(points(name)) == V1_IDS[name]


@pytest.mark.parametrize(("keyset_id", "name", "fee", "expiry"), V2)
def test_v2_ids_as_in_nut_02(keyset_id: str, name: str, fee: int, expiry: int | None) -> None:
    assert derive_id_v2(points(name), "sat", fee, expiry) == keyset_id
    info = KeysetInfo(keyset_id, "sat", active=True, input_fee_ppk=fee, final_expiry=expiry)
    assert with_keys(info, keys(name)).id == keyset_id


@pytest.mark.parametrize(
    ("unit", "fee", "expiry"),
    [
        ("msat", 100, 2059210353),
        ("sat", 0, 2059210353),
        ("sat", 101, 2059210353),
        ("sat", 100, None),
    ],
)
def test_a_v2_id_commits_to_unit_fee_and_expiry(unit: str, fee: int, expiry: int | None) -> None:
    info = KeysetInfo(V2[0][0], unit, active=True, input_fee_ppk=fee, final_expiry=expiry)
    with pytest.raises(InvalidKeyset, match="do not belong"):
        with_keys(info, keys("small"))


@pytest.mark.parametrize("said", [None, 0])
@pytest.mark.parametrize("hashed", [None, 0])
def test_an_expiry_of_0_is_none_whether_or_not_it_is_in_the_id(
    said: int | None, hashed: int | None
) -> None:
    """nutshell writes it there when it rotates its keys on its operator's command."""
    keyset_id = derive_id_v2(points("small"), "sat", 100, hashed)
    info = KeysetInfo(keyset_id, "sat", active=True, input_fee_ppk=100, final_expiry=said)
    assert with_keys(info, keys("small")).id == keyset_id
    with pytest.raises(InvalidKeyset, match="do not belong"):
        with_keys(replace(info, final_expiry=2059210353), keys("small"))


def test_keys_of_another_keyset_do_not_fit_the_id() -> None:
    with pytest.raises(InvalidKeyset, match="do not belong"):
        with_keys(KeysetInfo(V1_IDS["small"], "sat", active=True), keys("big"))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {0: "02" * 33},
        {-1: "02" * 33},
        {1 << 64: "02" * 33},
        {1: "xy"},
        {1: "é"},
        dict.fromkeys(range(1, 300), ""),
    ],
)
def test_absurd_keys_are_rejected(raw: dict[int, str]) -> None:
    with pytest.raises(InvalidKeyset):
        with_keys(KeysetInfo(V1_IDS["small"], "sat", active=True), raw)


@pytest.mark.parametrize(
    ("text", "full", "full_or_short"),
    [
        ("009a1f293253e41e", True, True),
        ("015ba18a8adcd02e", False, True),
        (V2[0][0], True, True),
        (V2[0][0][:-1], False, False),
        ("009A1F293253E41E", False, False),
        ("02" + "0" * 64, False, False),
        ("9mlfd5vCzgGl", False, False),
        ("009a1f293253e41e\n", False, False),
        ("", False, False),
    ],
)
def test_ids_are_recognised(text: str, *, full: bool, full_or_short: bool) -> None:
    assert is_full_id(text) is full
    assert is_full_or_short_id(text) is full_or_short


def test_short_ids_expand_to_the_only_match() -> None:
    known = [V1_IDS["small"], V2[0][0], V2[1][0]]
    assert expand_id("015ba18a8adcd02e", known) == V2[0][0]
    assert expand_id(V2[1][0], known) == V2[1][0]
    assert expand_id(V1_IDS["small"], known) == V1_IDS["small"]
    assert short_id(V2[0][0]) == "015ba18a8adcd02e"
    assert short_id(V1_IDS["small"]) == V1_IDS["small"]


def test_a_short_id_with_two_matches_is_refused() -> None:
    twin = "015ba18a8adcd02e" + "0" * 50
    with pytest.raises(AmbiguousKeyset) as caught:
        expand_id("015ba18a8adcd02e", [V2[0][0], twin])
    assert isinstance(caught.value, InvalidToken)
    assert expand_id(twin, [V2[0][0], twin]) == twin


@pytest.mark.parametrize("keyset_id", ["015ba18a8adcd02f", "009a1f293253e41e", "0", "", V2[1][0]])
def test_ids_that_the_mint_does_not_list_are_unknown(keyset_id: str) -> None:
    with pytest.raises(UnknownKeyset):
        expand_id(keyset_id, [V1_IDS["small"], V2[0][0]])


def test_v1_ids_have_no_short_form() -> None:
    with pytest.raises(UnknownKeyset):
        expand_id("00456a94", [V1_IDS["small"]])


@pytest.mark.parametrize(
    ("fees", "fee"),
    [([], 0), ([0, 0], 0), ([100] * 3, 1), ([100] * 10, 1), ([100] * 11, 2), ([999, 1, 1], 2)],
)
def test_input_fee_rounds_the_sum_up(fees: list[int], fee: int) -> None:
    assert input_fee(fees) == fee


@given(st.lists(st.integers(0, 5000), max_size=50))
def test_input_fee_is_the_exact_sum_rounded_up(fees: list[int]) -> None:
    assert 0 <= input_fee(fees) * 1000 - sum(fees) < 1000


def info(
    number: int,
    *,
    fee: int = 0,
    unit: str = "sat",
    version: str = "01",
    active: bool = True,
    expiry: int | None = None,
) -> KeysetInfo:
    digits = 64 if version == "01" else 14
    return KeysetInfo(version + f"{number:0{digits}x}", unit, active, fee, expiry)


def test_the_cheapest_active_keyset_of_the_unit_is_chosen() -> None:
    best = info(5, fee=50)
    others = [info(1, fee=100), info(2, unit="msat"), info(3, active=False), info(4, expiry=1000)]
    assert choose_active([*others, best], "sat", now_s=1000) is best
    assert choose_active([best, *others], "sat", now_s=999) is others[3]


def test_among_equal_fees_v2_is_preferred() -> None:
    old, new = info(1, version="00"), info(2)
    assert choose_active([old, new], "sat", now_s=0) is new
    assert choose_active([old, info(2, fee=1)], "sat", now_s=0) is old


def test_no_usable_keyset_is_none() -> None:
    assert choose_active([info(1, active=False)], "sat", now_s=0) is None


def test_a_keysets_repr_is_short() -> None:
    assert len(repr(Signer().keyset)) < 250
