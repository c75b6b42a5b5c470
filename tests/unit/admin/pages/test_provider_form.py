from decimal import Decimal

import pytest

from routstr.admin.pages.provider_form import said
from routstr.errors import InvalidParameter


def test_what_is_left_empty_is_as_usual() -> None:
    assert said({}) == {
        "base_url": "", "provider_fee": None, "priority": 0, "provider_settings": {},
    }  # fmt: skip


def test_what_is_written_is_read() -> None:
    fields = {
        "slug": "a-b", "fee": "1,25", "priority": "-7", "idle_seconds": "0.5",
        "total_seconds": "90", "api_version": "2025-01-01", "provider_type": "azure",
    }  # fmt: skip
    assert said(fields) == {
        "base_url": "", "provider_fee": Decimal("1.25"), "priority": -7,
        "slug": "a-b", "provider_type": "azure", "provider_settings":
        {"idle_seconds": 0.5, "total_seconds": 90, "api_version": "2025-01-01"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"fee": "x"}, {"fee": "1,050"}, {"fee": "-1"}, {"priority": "high"}, {"idle_seconds": "1e9"}],
)
def test_what_cannot_be_read_is_told(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter):
        said(fields)
