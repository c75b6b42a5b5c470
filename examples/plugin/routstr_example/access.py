"""A check: the models of EXAMPLE_MEMBERS_ONLY are for those who have a key of this node."""

import os
from typing import ClassVar

from routstr.errors import AuthError
from routstr.proxy.checks import Admission


class MembersOnly(AuthError):
    """This model is for holders of a key: a token for one request does not pay for it."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "members_only"


class Members:
    """Asked before money is held, and before a token is redeemed."""

    def __init__(self) -> None:
        """Read the models' names once."""
        names = os.environ.get("EXAMPLE_MEMBERS_ONLY", "")  # noqa: TID251 - see payment.py
        self._models = frozenset(filter(None, names.split(",")))

    async def check(self, admission: Admission) -> None:
        """Let pass, or raise what the client gets."""
        if admission.model in self._models and admission.account is None:
            raise MembersOnly(details={"model": admission.model})
