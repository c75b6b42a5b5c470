"""The mints that the operator listed, and what is known of their keysets.

Keysets live in the database (a rotated one is still needed to spend and restore) and, with an age,
in memory. Nobody else is ever contacted.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from routstr.core.addresses import normalise_mint_url
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.errors import MintRateLimited, MintRefused, MintUnreachable, UntrustedMint
from routstr.money import Unit
from routstr.wallet import purse
from routstr.wallet.keysets import Keyset, KeysetInfo, choose_active
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear

KEYSETS_AGE_S_MAX: Final = 300.0
_UNITS: Final = frozenset(unit.value for unit in Unit)


class Mints:
    """The listed mints by URL, the primary one first."""

    def __init__(
        self, urls: tuple[str, ...], connect: Callable[[str], Mint], db: Database, clock: Clock
    ) -> None:
        self._mints: Mapping[str, Mint] = MappingProxyType({url: connect(url) for url in urls})
        self._db = db
        self._clock = clock
        self._keysets: dict[str, dict[str, Keyset]] = {}
        self._read_at: dict[str, float] = {}

    @property
    def urls(self) -> tuple[str, ...]:
        """The listed mints' URLs."""
        return tuple(self._mints)

    def mint(self, url: str) -> Mint:
        """Return a listed mint; :class:`UntrustedMint` for any other, without contacting it."""
        try:
            found = self._mints.get(normalise_mint_url(url))
        except ValueError:
            found = None
        if found is None:
            raise UntrustedMint(details={"mints": list(self._mints)})
        return found

    async def keysets(self, mint: Mint, *, fresh: bool = False) -> Mapping[str, Keyset]:
        """Return a mint's keysets with keys, asking the mint when the known ones are old.

        When the mint does not answer, stored ones serve; without any, the mint's error is raised.
        """
        known = self._keysets.get(mint.url)
        age = self._clock.monotonic() - self._read_at.get(mint.url, 0.0)
        if known and not fresh and age < KEYSETS_AGE_S_MAX:
            return known
        if not known:
            stored = await self._db.read(lambda c: purse.load_keysets(c, mint.url))
            known = {keyset.id: keyset for keyset in stored}
        try:
            known = await self._ask(mint, known)
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            if not known or fresh:
                raise as_wallet_error(error) from error
        self._keysets[mint.url] = known
        self._read_at[mint.url] = self._clock.monotonic()
        return known

    async def active(self, mint: Mint, unit: Unit, *, fresh: bool = False) -> Keyset:
        """Return the keyset for new outputs in a unit; :class:`MintRefused` when there is none."""
        keysets = await self.keysets(mint, fresh=fresh)
        chosen = choose_active(keysets.values(), unit.value, now_s=self._clock.now_ms() // 1000)
        if chosen is None:
            raise MintRefused(f"The mint has no active keyset for {unit}.")
        return chosen

    async def _ask(self, mint: Mint, known: Mapping[str, Keyset]) -> dict[str, Keyset]:
        listed = [info for info in await mint.keysets() if info.unit in _UNITS]
        current = dict(known)
        for info in listed:
            current[info.id] = await self._with_keys(mint, info, known.get(info.id))
        ids = {info.id for info in listed}
        for keyset in known.values():  # what a mint no longer lists can still hold our proofs
            if keyset.id not in ids:
                current[keyset.id] = _updated(keyset, active=False, fee=keyset.input_fee_ppk)
        changed = [keyset for keyset in current.values() if known.get(keyset.id) != keyset]
        if changed:
            await self._db.write(lambda tx: purse.save_keysets(tx, mint.url, changed))
        return current

    async def _with_keys(self, mint: Mint, info: KeysetInfo, known: Keyset | None) -> Keyset:
        if known is None:
            return await mint.keys(info)
        return _updated(known, active=info.active, fee=info.input_fee_ppk)


def _updated(keyset: Keyset, *, active: bool, fee: int) -> Keyset:
    return Keyset(keyset.id, keyset.unit, active, fee, keyset.final_expiry, keys=keyset.keys)


def as_wallet_error(
    error: MintBusy | MintDown | MintUnclear | MintRefusal,
) -> MintRateLimited | MintUnreachable | MintRefused:
    """Tell a mint's trouble to a client; nothing was redeemed."""
    if isinstance(error, MintBusy):
        return MintRateLimited(headers={"Retry-After": str(max(error.retry_after_s, 1))})
    if isinstance(error, MintRefusal):
        return MintRefused(f"The mint refused: {error.detail}")
    return MintUnreachable(headers={"Retry-After": "5"})
