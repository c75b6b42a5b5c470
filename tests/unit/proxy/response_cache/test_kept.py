"""What is kept comes back as it was, and does not show itself."""

from routstr.money import Msat
from routstr.payment.cost import Cost
from routstr.proxy.response_cache.kept import dumps, loads, parts_of
from tests.unit.proxy.response_cache.caching import KEPT


def test_it_comes_back_as_it_was() -> None:
    assert loads(dumps(("name", KEPT))) == ("name", KEPT)
    assert KEPT.charged == Cost(Msat(9), Msat(1), Msat(3), Msat(5), Msat(0), Msat(0))
    assert parts_of(KEPT.charged) == KEPT.cost


def test_it_shows_only_its_size() -> None:
    assert repr(KEPT) == "Kept(7 bytes)"
