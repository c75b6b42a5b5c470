import hashlib

import pytest

from devkit.invoices import make_invoice
from routstr.core.clock import SystemClock
from routstr.wallet.bolt11 import decode


@pytest.mark.parametrize("amount_msat", [1, 999, 1_000, 21_000_000_000])
@pytest.mark.parametrize("described", [False, True])
def test_an_invoice_says_what_it_was_made_for(amount_msat: int, described: bool) -> None:
    digest = hashlib.sha256(b"coffee").digest() if described else None
    invoice = decode(make_invoice(amount_msat, description_hash=digest, expiry_s=60))
    assert invoice.amount is not None
    assert (int(invoice.amount), invoice.network) == (amount_msat, "bc")
    assert invoice.description_hash == digest
    assert invoice.expires_at - invoice.created_at == 60
    assert abs(invoice.created_at - SystemClock().now_ms() // 1_000) < 60


def test_two_invoices_have_two_hashes() -> None:
    hashes = {decode(make_invoice(5)).payment_hash for _ in range(2)}
    assert len(hashes) == 2
