"""What the endpoints about keys themselves decide; they only parse and answer."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from routstr.auth.children import Children
from routstr.auth.profile import Changes, Profiles
from routstr.auth.service import Authenticator
from routstr.auth.terms import NO_TERMS, KeyTerms, metadata_text
from routstr.balance.info import KeyInfo
from routstr.balance.key_schemas import (
    ChangeRequest,
    ChildKeysAnswer,
    ChildKeysRequest,
    Done,
    Info,
    RotateAnswer,
    Terms,
)
from routstr.balance.payers import known_payer, shown_payer
from routstr.core.db import Database
from routstr.errors import WalletError
from routstr.ledger import books
from routstr.money import Msat
from routstr.payment.donations import donate
from routstr.payment.intake import Intake

_MS: Final = 1_000
_SERVER_ERROR: Final = 500


class KeyService:
    """Shows, changes and rotates keys; makes, resets and revokes child keys; takes donations."""

    def __init__(
        self,
        db: Database,
        auth: Authenticator,
        children: Children,
        profiles: Profiles,
        info: KeyInfo,
        intake: Intake,
    ) -> None:
        self._db = db
        self._auth = auth
        self._children = children
        self._profiles = profiles
        self._info = info
        self._intake = intake

    async def info(self, authorization: str | None, terms: KeyTerms = NO_TERMS) -> Info:
        """Show a key, expired or not. A token that was never seen becomes one, on these terms."""
        return await self._info.show(await shown_payer(self._auth, authorization, terms))

    async def change(
        self, authorization: str | None, body: ChangeRequest, headers: KeyTerms
    ) -> Info:
        """Change what a key is called, when it expires, where its refund goes."""
        payer = await known_payer(self._auth, authorization)
        given: Mapping[str, object] = body.model_dump(exclude_unset=True)
        until = None if body.validity_date is None else body.validity_date * _MS
        await self._profiles.change(
            payer,
            Changes(
                name=body.name if "name" in given else UNSET,
                metadata=metadata_text(body.metadata) if "metadata" in given else UNSET,
                expires_at=until if "validity_date" in given else headers.expires_at or UNSET,
                refund_address=(
                    body.refund_lnurl
                    if "refund_lnurl" in given
                    else headers.refund_address or UNSET
                ),
            ),
        )
        return await self._info.show(payer)

    async def rotate(self, authorization: str | None, operation: bytes | None) -> RotateAnswer:
        """Give the account another key; the one that asks is unknown from then on."""
        key = await self._profiles.rotate(self._auth.key_of(authorization), operation)
        payer = await self._auth.validate_api_key(key)
        return RotateAnswer(api_key=key, id=payer.key_id)

    async def create_children(
        self, authorization: str | None, body: ChildKeysRequest, operation: bytes | None
    ) -> ChildKeysAnswer:
        """Make child keys."""
        parent = await self._auth.current_payer(authorization)
        terms = key_terms(body, metadata=body.metadata)
        made = await self._children.create(parent, body.count, terms, operation)
        state = await self._db.read(lambda c: books.balance(c, parent.account))
        cost = self._children.cost * len(made)
        return ChildKeysAnswer(
            api_keys=made,
            count=len(made),
            cost_msats=int(cost),
            cost_sats=cost.sats_up,
            parent_balance=int(state.available),
            parent_balance_sats=state.available.sats_down,
        )

    async def reset_child(self, authorization: str | None, child: str) -> Done:
        """Let the period of a child's limit begin anew."""
        await self._children.reset(await known_payer(self._auth, authorization), child)
        return Done(message="The child key's spending counts from zero again.")

    async def revoke_child(self, authorization: str | None, child: str) -> Done:
        """End a child key."""
        await self._children.revoke(await known_payer(self._auth, authorization), child)
        return Done(message="The child key is revoked.")

    async def donate(self, token: str, ref: str | None) -> str:
        """Take a token as a gift; one that is not good is no error (the contract's words).

        What can be tried again is raised: the token may be good.
        """
        try:
            await donate(self._intake, token, ref)
        except WalletError as error:
            if error.http_status >= _SERVER_ERROR:
                raise
            return "Invalid token."
        return "Thanks!"


def key_terms(
    body: Terms,
    headers: KeyTerms = NO_TERMS,
    *,
    refund_lnurl: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> KeyTerms:
    """Read terms from a body, and from headers where it says nothing."""
    until = None if body.validity_date is None else body.validity_date * _MS
    return KeyTerms(
        expires_at=until or headers.expires_at,
        balance_limit=None if body.balance_limit is None else Msat(body.balance_limit),
        balance_limit_reset=body.balance_limit_reset,
        refund_address=refund_lnurl or headers.refund_address,
        name=body.name,
        metadata=metadata_text(metadata),
    )
