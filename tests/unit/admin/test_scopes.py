import pytest

from routstr.admin.scopes import Scope, decode, encode, needed, needs


def route() -> None:
    """One that says nothing."""


@needs(Scope.MONEY)
def withdraw() -> None:
    """One that says what it needs."""


@pytest.mark.parametrize(
    ("function", "method", "scope"),
    [
        (route, "GET", Scope.READ),
        (route, "POST", Scope.SETTINGS),
        (withdraw, "GET", Scope.MONEY),
        (withdraw, "POST", Scope.MONEY),
        (None, "DELETE", Scope.SETTINGS),
    ],
)
def test_a_route_needs_what_it_says_or_what_is_usual(
    function: object, method: str, scope: Scope
) -> None:
    assert needed(function, method, Scope.SETTINGS) is scope


def test_stored_scopes_are_read_again_and_unknown_ones_give_nothing() -> None:
    assert decode(encode((Scope.MONEY, Scope.READ, Scope.MONEY))) == (Scope.READ, Scope.MONEY)
    assert decode("everything,read,") == (Scope.READ,)
    assert decode("") == ()
