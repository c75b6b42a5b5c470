import pytest

from routstr.wallet.keysets import is_full_id
from routstr.wallet.secrets import MAX_COUNTER, derivation, new_words, seed_from_words
from tests.unit.wallet.signing import SEED, vectors

VECTORS = vectors("secrets")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_secrets_and_blinding_factors_as_in_nut_13(version: str) -> None:
    expected = VECTORS[version]
    derive = derivation(seed_from_words(VECTORS["words"]), expected["keyset_id"])
    derived = [derive(counter) for counter in range(5)]
    assert [d.secret for d in derived] == expected["secrets"]
    assert [d.r.hex() for d in derived] == expected["r"]


def test_number_of_a_v1_keyset_as_in_nut_13() -> None:
    expected = VECTORS["v1"]
    number = int.from_bytes(bytes.fromhex(expected["keyset_id"]), "big") % (2**31 - 1)
    assert number == expected["keyset_number"]


@pytest.mark.parametrize("counter", [-1, MAX_COUNTER + 1])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_counters_out_of_range_are_refused(version: str, counter: int) -> None:
    derive = derivation(SEED, VECTORS[version]["keyset_id"])
    assert derive(MAX_COUNTER).secret != derive(0).secret
    with pytest.raises(ValueError, match="counter"):
        derive(counter)


@pytest.mark.parametrize("keyset_id", ["", "015ba18a8adcd02e", "02" + "0" * 64, "xy"])
def test_secrets_are_derived_for_full_ids_only(keyset_id: str) -> None:
    assert not is_full_id(keyset_id)
    with pytest.raises(ValueError, match="full keyset ids"):
        derivation(SEED, keyset_id)


def test_keysets_and_counters_have_secrets_of_their_own() -> None:
    seen = {
        derivation(SEED, keyset_id)(counter)
        for keyset_id in ("009a1f293253e41e", "009a1f293253e41f", "01" + "0" * 64)
        for counter in range(4)
    }
    assert len({d.secret for d in seen}) == len({d.r for d in seen}) == 12


def test_new_words_are_valid_and_differ() -> None:
    words = new_words()
    assert len(words.split()) == 12
    assert words != new_words()
    assert seed_from_words("  " + words.upper().replace(" ", "\n")) == seed_from_words(words)


@pytest.mark.parametrize(
    "words", ["", "half", "zoo " * 12, VECTORS["words"].replace("half", "hald")]
)
def test_wrong_words_are_refused_without_being_repeated(words: str) -> None:
    with pytest.raises(ValueError, match="not the words of a wallet") as caught:
        seed_from_words(words)
    assert "hal" not in str(caught.value)
    assert "zoo" not in str(caught.value)


def test_derived_values_do_not_print() -> None:
    derived = derivation(SEED, "009a1f293253e41e")(0)
    assert derived.secret not in repr(derived)
