"""Who asks, for the endpoints that take no money."""

from routstr.auth.service import Authenticator, Payer
from routstr.auth.terms import KeyTerms
from routstr.errors import AuthError, ChildKeyNotAllowed, KeyExpired, KeyNotFound


async def known_payer(auth: Authenticator, authorization: str | None) -> Payer:
    """Return an existing payer, expired or not; raises KeyNotFound for anything else."""
    try:
        return await auth.known_payer(authorization)
    except AuthError as error:
        if type(error) is AuthError:  # unknown, not missing or expired
            raise KeyNotFound from error
        raise


async def owner(auth: Authenticator, authorization: str | None, refusal: str) -> Payer:
    """Return an existing payer that owns its account; a child key is refused in these words."""
    payer = await known_payer(auth, authorization)
    if payer.is_child:
        raise ChildKeyNotAllowed(refusal)
    return payer


async def shown_payer(auth: Authenticator, authorization: str | None, terms: KeyTerms) -> Payer:
    """Return whose key it is, expired or not. A token that was never seen becomes one."""
    try:
        return await auth.current_payer(authorization, terms=terms)
    except KeyExpired:
        return await known_payer(auth, authorization)
