"""Bringing a wallet back from its mints, with nothing but its seed (NUT-13, 09, 07).

Every listed mint is asked, keyset by keyset, what it has ever signed for this seed. What is unspent
becomes a proof of this wallet, and the counters go on behind the last number that was signed. Each
batch is one transaction: whenever it ends, what was found stays, and a repetition adds the rest.

A backup's proofs are looked at first: a mint that cannot restore still says which are unspent.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from routstr.core.db import Database, Tx
from routstr.errors import WalletError
from routstr.money import Unit
from routstr.wallet import findings
from routstr.wallet.backup import Backup
from routstr.wallet.crypto import hash_to_curve
from routstr.wallet.findings import Book, Found
from routstr.wallet.keysets import Keyset
from routstr.wallet.mint import BATCH, Mint
from routstr.wallet.mint_errors import MintError
from routstr.wallet.mints import Mints
from routstr.wallet.proofs import OwnProof
from routstr.wallet.search import Ask, Gap, Signed, patiently, search
from routstr.wallet.secrets import derivation


class Progress(Struct, frozen=True, kw_only=True):
    """How far a keyset is. ``amount`` and ``pending`` are in ``unit``; both grow."""

    mint: str
    unit: Unit | None = None
    """None: the mint as a whole, of which not even the keysets are known."""
    keyset: str = ""
    asked: int = 0
    """Numbers that the mint was asked for."""
    signed: int = 0
    amount: int = 0
    """What was added to the wallet in this run."""
    proofs: int = 0
    pending: int = 0
    """What the mint is spending right now: to be looked at again later."""
    done: bool = False
    problem: str = ""
    """Why it could not be finished; a repetition begins this keyset anew."""


class Restorer:
    """Asks the listed mints for what belongs to a seed; ``book`` books what is added."""

    def __init__(
        self,
        db: Database,
        mints: Mints,
        seed: bytes,
        book: Book,
        *,
        backup: Backup | None = None,
        ask: Ask = patiently,
    ) -> None:
        self._db = db
        self._mints = mints
        self._seed = seed
        self._book = book
        self._backup = backup
        self._ask = ask

    async def run(self, gap: Gap) -> AsyncIterator[Progress]:
        """Go through all mints and keysets, and tell of each batch.

        A mint or keyset that cannot be finished is told with its problem; the others go on.
        """
        for url in self._mints.urls:
            mint = self._mints.mint(url)
            try:
                keysets = await self._mints.keysets(mint, fresh=True)
            except WalletError as error:
                yield Progress(mint=url, problem=str(error))
                continue
            await self._db.write(partial(self._advance, url=url))
            for keyset in sorted(keysets.values(), key=lambda k: (not k.active, k.id)):
                async for progress in self._restore(mint, keyset, gap):
                    yield progress

    async def _restore(self, mint: Mint, keyset: Keyset, gap: Gap) -> AsyncIterator[Progress]:
        so_far = Progress(mint=mint.url, unit=Unit(keyset.unit), keyset=keyset.id)
        try:
            async for signed in self._batches(mint, keyset, gap):
                found = await self._keep(mint, keyset, signed)
                so_far = replace(
                    so_far,
                    asked=so_far.asked + BATCH,
                    signed=so_far.signed + len(signed.proofs),
                    amount=so_far.amount + (found.amount if found else 0),
                    proofs=so_far.proofs + (found.proofs if found else 0),
                    pending=so_far.pending + sum(proof.amount for proof in signed.pending),
                )
                yield so_far
        except MintError as error:
            yield replace(so_far, problem=str(error))
        else:
            yield replace(so_far, done=True)

    async def _batches(self, mint: Mint, keyset: Keyset, gap: Gap) -> AsyncIterator[Signed]:
        kept = await asyncio.to_thread(self._kept, mint, keyset)
        for start in range(0, len(kept), BATCH):
            part = kept[start : start + BATCH]
            ask_states = partial(mint.check_state, [proof.y for proof in part])
            yield Signed(part[0].counter, part, await self._ask(ask_states))
        async for signed in search(mint, keyset, self._seed, gap, ask=self._ask):
            yield signed

    def _kept(self, mint: Mint, keyset: Keyset) -> list[OwnProof]:
        """The backup's proofs of a keyset, whose secrets follow from the seed."""
        if self._backup is None:
            return []
        derive = derivation(self._seed, keyset.id)
        found = []
        for proof in self._backup.proofs:
            if (proof.mint, proof.keyset) == (mint.url, keyset.id):
                secret = derive(proof.counter).secret
                y = hash_to_curve(secret.encode())
                own = OwnProof(proof.amount, keyset.id, proof.counter, secret, proof.c, y)
                found.append(own)
        return found

    def _advance(self, tx: Tx, url: str) -> None:
        """Never use again what was used when the backup was made, signed or not."""
        for kept in self._backup.keysets if self._backup else ():
            if kept.mint == url:
                findings.advance(tx, kept.id, kept.counter)

    async def _keep(self, mint: Mint, keyset: Keyset, signed: Signed) -> Found | None:
        if not signed.proofs:
            return None

        def keep(tx: Tx) -> Found | None:
            findings.advance(tx, keyset.id, signed.next_counter)
            found = findings.add(tx, mint.url, keyset, signed.unspent)
            if found is not None:
                self._book(tx, found)
            return found

        return await self._db.write(keep)
