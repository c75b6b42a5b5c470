from routstr.catalog.snapshot import Rates
from routstr.proxy.custom import entry_of
from routstr.proxy.dialects import DIALECTS, PIECES
from routstr.proxy.dialects.pieces import Sold


def test_a_refusal_names_the_model_and_the_missing_price() -> None:
    error = Sold(entry_of("m", Rates(), "p")).refuse("speech", "pricing.character")
    assert (error.http_status, error.code, error.details) == (400, "no_price", {"model": "m"})
    assert "'m' has no price for speech" in error.message
    assert "pricing.character" in error.message


def test_every_endpoint_is_there_once() -> None:
    endpoints = [one.endpoint for one in DIALECTS] + [one.endpoint for one in PIECES]
    assert len(set(endpoints)) == len(endpoints)
    assert all(one.endpoint == f"/v1/{one.path}" for one in PIECES)
