"""From a credential to the account that pays.

``sk-`` keys are looked up by their keyed hash. A Cashu token is a key too: the first time it is
redeemed into a new account, afterwards the same proofs name that account. A token that topped up
another key never names an account.

Looked-up credentials are remembered in memory: an account behind a key never changes, and whether
it may spend is decided by the hold, in the database.
"""

from collections import OrderedDict
from hashlib import sha256
from typing import Final

from msgspec import Struct

from routstr.auth import keys, repository
from routstr.auth.keys import Identity
from routstr.auth.repository import KeyRecord
from routstr.auth.terms import KeyTerms, from_context
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import (
    AuthError,
    InvalidParameter,
    KeyExpired,
    MissingApiKey,
    TokenAlreadySpent,
)
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.money import ZERO, Msat
from routstr.payment.deposits import TOPUP, admit_deposit, book_deposit
from routstr.payment.intake import Intake
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.token import Token

CREATE: Final = "create"
_REMEMBERED_MAX: Final = 20_000


class Payer(Struct, frozen=True):
    """Who pays for a request. ``key_id`` is public; ``key`` is the node's key for the account."""

    account: int
    key_id: str
    key: str
    mint: str
    unit: str
    expires_at: int | None

    def __repr__(self) -> str:
        return f"Payer({self.key_id})"


class Created(Struct, frozen=True):
    """A key and what the token brought. ``fresh`` is false when the key was there before."""

    payer: Payer
    saga: Saga | None
    fresh: bool


class KeyCompletion:
    """Opens the account and stores the key in the transaction that credits its first money."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing exists before the mint has answered."""
        admit_deposit(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Open the account, store the key, book the deposit."""
        at = self._clock.now_ms()
        account = open_account(tx, AccountKind.KEY, at)
        context = saga.context
        record = KeyRecord(
            id=0,
            account=account,
            public_id=context["public_id"],
            mint=saga.mint,
            unit=saga.unit,
            metadata="{}",
            created_at=at,
            expires_at=from_context(context).expires_at,
        )
        repository.add(tx, record, bytes.fromhex(context["key_hash"]))
        book_deposit(tx, saga, account, at)
        return account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """There is no key."""


class Authenticator:
    """Answers who pays, and creates keys from tokens."""

    def __init__(self, db: Database, intake: Intake, node: NodeKey, clock: Clock) -> None:
        self._db = db
        self._intake = intake
        self._node = node
        self._clock = clock
        # by digest: a credential may be long, and one token has many spellings
        self._known: OrderedDict[bytes, Payer] = OrderedDict()

    async def payer(self, authorization: str | None, *, minimum: Msat = ZERO) -> Payer:
        """Return who pays. A new token is redeemed when it is worth ``minimum`` net of its fee.

        Raises MissingApiKey, AuthError (unknown, malformed and rotated keys look alike),
        KeyExpired, or the wallet's errors for a token.
        """
        credential = keys.bearer(authorization)
        if not credential:
            raise MissingApiKey
        digest = sha256(credential.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            known = await self._look_up(credential, minimum)
            _remember(self._known, digest, known, _REMEMBERED_MAX)
        if known.expires_at is not None and known.expires_at <= self._clock.now_ms():
            raise KeyExpired
        return known

    async def known_payer(self, authorization: str | None) -> Payer:
        """Return an existing payer, expired or not; AuthError for anything else."""
        credential = keys.bearer(authorization)
        if not credential:
            raise MissingApiKey
        if not keys.is_token(credential):
            return await self.validate_api_key(credential)
        ys = token.ys(token.decode(credential))
        return await self.validate_api_key(keys.from_proofs(self._node, ys).key)

    async def create_api_key(self, text: str, *, expires_at: int | None = None) -> Created:
        """Redeem a token into a new key, or find the key that these proofs made before.

        Raises InvalidParameter, with the token as it was, for a key that would be expired already.
        """
        if expires_at is not None and expires_at <= self._clock.now_ms():
            raise InvalidParameter(
                "validity_date is in the past. The token was not redeemed.",
                details={"param": "validity_date"},
            )
        return await self._from_token(token.decode(text), ZERO, expires_at)

    async def validate_api_key(self, key: str) -> Payer:
        """Return the payer behind an ``sk-`` key; AuthError when there is none."""
        identity = keys.identify(self._node, key)
        record = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        if record is None:
            raise AuthError("Invalid API key. Deposit first, or check the key.")
        return _payer(record, identity)

    async def top_up(self, payer: Payer, text: str) -> Saga:
        """Redeem a token into an existing key's account; the same token again changes nothing."""
        given = token.decode(text)
        saga = await self._intake.receive(Deposit(given, TOPUP, payer.account, {}, ZERO))
        if saga.purpose != TOPUP or saga.account != payer.account:
            raise TokenAlreadySpent
        return saga

    async def key_record(self, payer: Payer) -> KeyRecord:
        """Return what is stored about a payer's key."""
        identity = keys.identify(self._node, payer.key)
        record = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        assert record is not None, "keys are never deleted"
        return record

    async def _look_up(self, credential: str, minimum: Msat) -> Payer:
        if keys.is_token(credential):
            return (await self._from_token(token.decode(credential), minimum, None)).payer
        return await self.validate_api_key(credential)

    async def _from_token(self, given: Token, minimum: Msat, expires_at: int | None) -> Created:
        identity = keys.from_proofs(self._node, token.ys(given))
        record = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        if record is not None:
            return Created(_payer(record, identity), None, fresh=False)
        context = {
            "key_hash": identity.key_hash.hex(),
            "public_id": identity.public_id,
            **KeyTerms(expires_at=expires_at).to_context(),
        }
        saga = await self._intake.receive(Deposit(given, CREATE, None, context, minimum))
        if saga.purpose != CREATE:
            raise TokenAlreadySpent
        return Created(await self.validate_api_key(identity.key), saga, fresh=True)


def _remember(memory: OrderedDict[bytes, Payer], digest: bytes, payer: Payer, most: int) -> None:
    """Keep a payer, and of all at most so many, the newest."""
    memory[digest] = payer
    if len(memory) > most:
        memory.popitem(last=False)


def _payer(record: KeyRecord, identity: Identity) -> Payer:
    return Payer(
        record.account,
        record.public_id,
        identity.key,
        record.mint,
        record.unit.value,
        record.expires_at,
    )
