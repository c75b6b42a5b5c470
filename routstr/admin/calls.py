"""How a call of the operator names itself, so that it is done once however often it is sent."""

import secrets
from typing import Annotated, Final

from fastapi import Depends, Header

from routstr.payment.idempotency.repeats import checked_key

_BYTES: Final = 16


def new_call() -> str:
    """A name for a call: what a form carries."""
    return secrets.token_hex(_BYTES)


def _named(
    idempotency_key: Annotated[
        str | None,
        Header(description="names this call: repeated with the same key it is done once"),
    ] = None,
) -> str:
    return new_call() if idempotency_key is None else checked_key(idempotency_key)


CallName = Annotated[str, Depends(_named)]
"""The name that the header ``Idempotency-Key`` gives, else one that nobody repeats."""
