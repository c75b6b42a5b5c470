from decimal import Decimal

from msgspec import UNSET

from routstr.admin.schemas import NamedChange, ProviderChange
from routstr.core.secret import Secret
from routstr.upstream.description import Description


def test_what_is_absent_is_not_said() -> None:
    assert ProviderChange().description() == Description()
    assert NamedChange(slug="abc").description() == Description()


def test_null_resets_the_fee_and_nothing_else() -> None:
    said = ProviderChange.model_validate(
        {"provider_fee": None, "slug": None, "base_url": None, "enabled": None, "api_keys": None}
    ).description()
    assert said == Description(fee=None)


def test_a_fee_is_exact_however_it_was_written() -> None:
    for written in ("1.01", 1.01):
        said = ProviderChange.model_validate({"provider_fee": written}).description()
        assert said.fee == Decimal("1.01")


def test_one_key_or_several() -> None:
    one, two = Secret("a"), Secret("b")
    assert ProviderChange(api_key=one).description().keys == (one,)
    assert ProviderChange(api_key=one, api_keys=[two, one]).description().keys == (two, one)
    assert ProviderChange(api_keys=[]).description().keys == ()
    assert ProviderChange(api_key=Secret("[REDACTED]")).description().keys is UNSET
    assert "a" not in repr(ProviderChange(api_key=Secret("abracadabra")).api_key)


def test_a_new_slug_renames() -> None:
    assert NamedChange(slug="abc", new_slug="def").description().slug == "def"
