"""From a credential to the account that pays.

``sk-`` keys are looked up by their keyed hash. A Cashu token is a key too: the first time it is
redeemed into a new account, afterwards the same proofs name that account. A token that topped up
another key never names an account.

Looked-up credentials are remembered in memory for paid requests. A payer carries the version of
what was read; the hold compares it in the database, and refuses what has changed meanwhile, on
whichever instance: then :meth:`Authenticator.forget` it and look again. Everything else looks each
time.
"""

from collections import OrderedDict
from hashlib import sha256
from typing import Final

from msgspec import Struct

from routstr.auth import keys, repository
from routstr.auth.opening import open_key
from routstr.auth.repository import KeyRecord
from routstr.auth.terms import NO_TERMS, KeyTerms, check_terms, from_context
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.errors import (
    AuthError,
    KeyExpired,
    MissingApiKey,
    WalletError,
)
from routstr.ledger.entries import KeyMark
from routstr.money import ZERO, Msat
from routstr.payment.deposits import TOPUP, admit_purchase, book_deposit
from routstr.payment.foreign import Arrival
from routstr.payment.intake import Intake
from routstr.payment.used_tokens import CREATE, already_used
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.token import Token

_REMEMBERED_MAX: Final = 20_000


class Payer(Struct, frozen=True):
    """Who pays for a request. ``key_id`` is public; ``key`` is the node's key for the account.

    ``is_child``: the account is another key's. ``mark``: what a hold has to name of the key.
    """

    account: int
    key_id: str
    key: str
    mint: str
    unit: str
    expires_at: int | None
    mark: KeyMark | None = None
    is_child: bool = False

    def __repr__(self) -> str:
        return f"Payer({self.key_id})"


class Created(Struct, frozen=True):
    """A key and what the token brought; None when the key was there before.

    ``change`` is what was left over of a foreign mint's token: another one of that mint.
    """

    payer: Payer
    arrival: Arrival | None
    change: str = ""

    def __repr__(self) -> str:
        return f"Created({self.payer}, {self.arrival})"

    @property
    def fresh(self) -> bool:
        """Whether the key is new."""
        return self.arrival is not None


class KeyCompletion:
    """Opens the account and stores the key in the transaction that credits its first money."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing exists before the mint has answered."""
        admit_purchase(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Open the account, store the key, book the deposit."""
        at = self._clock.now_ms()
        context = saga.context
        account = open_key(
            tx,
            key_hash=bytes.fromhex(context["key_hash"]),
            public_id=context["public_id"],
            mint=saga.mint,
            unit=saga.unit,
            terms=from_context(context),
            at=at,
        )
        book_deposit(tx, saga, account, at)
        return account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """There is no key."""


class LateKeyCompletion(KeyCompletion):
    """The same, for money that may come for a key that exists by then: it is added to it."""

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the deposit, and open the key unless it is there, or another in its place."""
        known = repository.accounts_of(tx.sql, saga.context["public_id"])  # stays when it rotates
        if not known:
            return super().done(tx, saga)
        book_deposit(tx, saga, known[0], self._clock.now_ms())
        return known[0]


class Authenticator:
    """Answers who pays, and creates keys from tokens."""

    def __init__(self, db: Database, intake: Intake, node: NodeKey, clock: Clock) -> None:
        self._db = db
        self._intake = intake
        self._node = node
        self._clock = clock
        self._known: OrderedDict[bytes, Payer] = OrderedDict()

    async def payer(
        self, authorization: str | None, *, minimum: Msat = ZERO, terms: KeyTerms = NO_TERMS
    ) -> Payer:
        """Return who pays for a request, as far as is remembered.

        A new token is redeemed, when it is worth ``minimum`` net of its fee, into a key on these
        terms. Raises MissingApiKey, AuthError (unknown, malformed and rotated keys look alike),
        KeyExpired, InvalidParameter for terms of a new key, or the wallet's errors for a token.
        """
        digest = _digest(authorization)
        known = self._known.get(digest)
        if known is None or self._is_over(known):  # its owner may have given it more time since
            known = await self._look_up(authorization, minimum, terms)
            _remember(self._known, digest, known, _REMEMBERED_MAX)
        return self._unexpired(known)

    def forget(self, authorization: str | None) -> None:
        """Look this credential up again the next time."""
        self._known.pop(_digest(authorization), None)

    async def current_payer(
        self, authorization: str | None, *, terms: KeyTerms = NO_TERMS
    ) -> Payer:
        """Return who pays as :meth:`payer` does, from the database."""
        return self._unexpired(await self._look_up(authorization, ZERO, terms))

    async def known_payer(self, authorization: str | None) -> Payer:
        """Return an existing payer, expired or not; AuthError for anything else."""
        return await self.validate_api_key(self.key_of(authorization))

    async def knows(self, authorization: str | None) -> bool:
        """Say whether a credential names a key, expired or not. Redeems nothing."""
        try:
            await self.known_payer(authorization)
        except (AuthError, WalletError):
            return False
        return True

    def key_of(self, authorization: str | None) -> str:
        """Return the key that a credential names, whether or not it exists; or MissingApiKey."""
        credential = keys.bearer(authorization)
        if not credential:
            raise MissingApiKey
        if not keys.is_token(credential):
            return credential
        return keys.from_proofs(self._node, token.ys(token.decode(credential))).key

    async def create_api_key(self, text: str, *, terms: KeyTerms = NO_TERMS) -> Created:
        """Redeem a token into a new key, or find the key that these proofs made before.

        Raises InvalidParameter, with the token as it was, for terms that no key can have.
        """
        check_terms(terms, self._clock.now_ms())
        given = token.decode(text)
        created = await self._from_token(given, ZERO, terms)
        if created.fresh:
            return created
        return Created(created.payer, None, await self._intake.change(given))

    async def validate_api_key(self, key: str) -> Payer:
        """Return the payer behind an ``sk-`` key; AuthError when there is none."""
        identity = keys.identify(self._node, key)
        record = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        if record is None:
            raise AuthError
        return _payer(record, identity.key)

    async def top_up(self, payer: Payer, text: str) -> Arrival:
        """Redeem a token into an existing key's account; the same token again changes nothing."""
        given = token.decode(text)
        arrival = await self._intake.deposit(Deposit(given, TOPUP, payer.account, {}, ZERO))
        if arrival.purpose != TOPUP or arrival.account != payer.account:
            raise already_used(arrival.purpose)
        return arrival

    async def key_record(self, payer: Payer) -> KeyRecord:
        """Return what is stored about a payer's key; AuthError when it was rotated just now."""
        identity = keys.identify(self._node, payer.key)
        record = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        if record is None:
            raise AuthError
        return record

    async def _look_up(self, authorization: str | None, minimum: Msat, terms: KeyTerms) -> Payer:
        credential = keys.bearer(authorization)
        if not credential:
            raise MissingApiKey
        if keys.is_token(credential):
            return (await self._from_token(token.decode(credential), minimum, terms)).payer
        return await self.validate_api_key(credential)

    async def _from_token(self, given: Token, minimum: Msat, terms: KeyTerms) -> Created:
        identity = keys.from_proofs(self._node, token.ys(given))
        record = await self._db.read(lambda c: repository.find(c, identity.key_hash))
        if record is not None:
            return Created(_payer(record, identity.key), None)
        check_terms(terms, self._clock.now_ms())
        context = {
            "key_hash": identity.key_hash.hex(),
            "public_id": identity.public_id,
            **terms.to_context(),
        }
        arrival = await self._intake.deposit(Deposit(given, CREATE, None, context, minimum))
        if arrival.purpose != CREATE:
            raise already_used(arrival.purpose)
        payer = await self.validate_api_key(identity.key)
        return Created(payer, arrival, arrival.change)

    def _unexpired(self, payer: Payer) -> Payer:
        if self._is_over(payer):
            raise KeyExpired
        return payer

    def _is_over(self, payer: Payer) -> bool:
        return payer.expires_at is not None and payer.expires_at <= self._clock.now_ms()


def _digest(authorization: str | None) -> bytes:
    """What a credential is remembered by: it may be long, and one token has many spellings."""
    return sha256(keys.bearer(authorization).encode()).digest()


def _remember(memory: OrderedDict[bytes, Payer], digest: bytes, payer: Payer, most: int) -> None:
    """Keep a payer, and of all at most so many, the newest."""
    memory[digest] = payer
    if len(memory) > most:
        memory.popitem(last=False)


def _payer(record: KeyRecord, key: str) -> Payer:
    return Payer(
        record.account,
        record.public_id,
        key,
        record.mint,
        record.unit.value,
        record.expires_at,
        record.mark,
        record.is_child,
    )
