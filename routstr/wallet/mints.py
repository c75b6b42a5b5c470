"""The mints that the operator listed, and what is known of their keysets.

Keysets live in the database (a rotated one is still needed to spend and restore) and, with an age,
in memory. The node has its money at the listed mints; foreign ones are those whose tokens it lets
pass on to a listed one. Nobody else is ever contacted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import Final, Protocol, TypeGuard

from routstr.core.addresses import normalise_mint_url
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.errors import MintRateLimited, MintRefused, MintUnreachable, UntrustedMint
from routstr.money import Unit
from routstr.wallet import purse
from routstr.wallet.exposure import Exposure
from routstr.wallet.keysets import InvalidKeyset, Keyset, KeysetInfo, choose_active
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mint_types import MintInfo

_log = get_logger(__name__)

KEYSETS_AGE_S_MAX: Final = 300.0
INFO_AGE_S_MAX: Final = 600.0
_UNITS: Final = frozenset(unit.value for unit in Unit)


class BeforeUse(Protocol):
    """Looks at a keyset before new outputs are made for it; ``again``: whatever it knows."""

    async def __call__(self, mint: Mint, keyset: Keyset, *, again: bool = False) -> None:
        """Return when the keyset can be used."""
        ...


class Mints:
    """The listed mints by URL, the primary one first; and the foreign ones."""

    def __init__(
        self,
        urls: tuple[str, ...],
        connect: Callable[[str], Mint],
        db: Database,
        clock: Clock,
        exposure: Exposure | None = None,
        *,
        foreign: tuple[str, ...] = (),
    ) -> None:
        self.urls: Final = urls
        """The listed mints' URLs."""
        self._foreign: Final = frozenset(foreign) - {*urls}
        every = (*urls, *sorted(self._foreign))
        self._mints: Mapping[str, Mint] = MappingProxyType({url: connect(url) for url in every})
        self._db = db
        self._clock = clock
        self._read: dict[str, _Reading] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns = count(1)
        self.exposure = exposure or Exposure(db, urls)
        self._before_use: BeforeUse | None = None
        self._infos: dict[str, _Told] = {}

    def mint(self, url: str) -> Mint:
        """Return a listed mint; :class:`UntrustedMint` for any other, without contacting it."""
        found = self._find(url)
        if found is None or found.url in self._foreign:
            raise UntrustedMint(details={"mints": list(self.urls)})
        return found

    def known(self, url: str) -> Mint:
        """Return a listed or foreign mint; :class:`UntrustedMint` for any other."""
        found = self._find(url)
        if found is None:
            raise UntrustedMint(details={"mints": list(self.urls)})
        return found

    def is_foreign(self, url: str) -> bool:
        """Whether tokens of this mint may pass on to a listed one."""
        return (found := self._find(url)) is not None and found.url in self._foreign

    def may_be_asked(self, url: str) -> bool:
        """Whether this is the URL of a listed or foreign mint."""
        return self._find(url) is not None

    def health(self) -> Mapping[str, MintHealth]:
        """Tell how each mint has served this process."""
        return {url: self._mints[url].health for url in self.urls}

    async def info(self, mint: Mint) -> MintInfo:
        """Return what a mint says of itself (NUT-06), as of a few minutes ago at most.

        Raises the mint's error when it does not answer and said nothing lately.
        """
        known = self._infos.get(mint.url)
        if known is not None and self._clock.monotonic() - known.at < INFO_AGE_S_MAX:
            return known.info
        try:
            info = await mint.info()
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            raise as_wallet_error(error) from error
        self._infos[mint.url] = _Told(info, self._clock.monotonic())
        return info

    async def keysets(self, mint: Mint, *, fresh: bool = False) -> Mapping[str, Keyset]:
        """Return a mint's keysets with keys, asking the mint when the known ones are old.

        One question serves all who wait for it. When the mint does not answer, stored ones serve;
        without any, or when ``fresh`` ones are wanted, the mint's error is raised.
        """
        turn = next(self._turns)

        def serves(reading: _Reading | None) -> TypeGuard[_Reading]:
            if reading is None:
                return False
            return reading.turn > turn if fresh else self._is_young(reading)

        if serves(reading := self._read.get(mint.url)):
            return reading.keysets
        async with self._asking[mint.url]:
            if not serves(reading := self._read.get(mint.url)):
                reading = await self._renew(mint, reading, fresh=fresh)
            return reading.keysets

    async def keyset(self, mint: Mint, keyset_id: str) -> Keyset:
        """Return a keyset that a saga was planned with, perhaps by another instance.

        It was stored before the plan was, so the mint need not be asked.
        """
        reading = self._read.get(mint.url)
        known = None if reading is None else reading.keysets.get(keyset_id)
        if known is not None:
            return known
        stored = await self._db.read(lambda c: purse.load_keysets(c, mint.url))
        return next(keyset for keyset in stored if keyset.id == keyset_id)

    async def active(self, mint: Mint, unit: Unit, *, fresh: bool = False) -> Keyset:
        """Return the keyset for new outputs in a unit; :class:`MintRefused` when there is none."""
        keysets = await self.keysets(mint, fresh=fresh)
        chosen = choose_active(keysets.values(), unit.value, now_s=self._clock.now_ms() // 1000)
        if chosen is None:
            raise MintRefused(f"The mint has no active keyset for {unit}.")
        if self._before_use is not None:
            await self._before_use(mint, chosen, again=fresh)
        return chosen

    def guard(self, before_use: BeforeUse) -> None:
        """Name who looks at a keyset before new outputs are made for it."""
        self._before_use = before_use

    def _find(self, url: str) -> Mint | None:
        try:
            return self._mints.get(normalise_mint_url(url))
        except ValueError:
            return None

    def _is_young(self, reading: "_Reading") -> bool:
        return self._clock.monotonic() - reading.at < KEYSETS_AGE_S_MAX

    async def _renew(self, mint: Mint, reading: "_Reading | None", *, fresh: bool) -> "_Reading":
        turn = next(self._turns)
        if reading is None:
            stored = await self._db.read(lambda c: purse.load_keysets(c, mint.url))
            known: Mapping[str, Keyset] = {keyset.id: keyset for keyset in stored}
        else:
            known = reading.keysets
        try:
            known = await self._ask(mint, known)
        except (MintBusy, MintDown, MintUnclear, MintRefusal) as error:
            if not known or fresh:
                raise as_wallet_error(error) from error
        reading = self._read[mint.url] = _Reading(known, self._clock.monotonic(), turn)
        return reading

    async def _ask(self, mint: Mint, known: Mapping[str, Keyset]) -> Mapping[str, Keyset]:
        listed = [info for info in await mint.keysets() if info.unit in _UNITS]
        ids = {info.id for info in listed}
        # what a mint no longer lists can still hold our proofs
        current = {
            keyset.id: _updated(keyset, active=False, fee=keyset.input_fee_ppk)
            for keyset in known.values()
            if keyset.id not in ids
        }
        for info in listed:
            keyset = known.get(info.id) or await _keys(mint, info)
            if keyset is not None:
                current[info.id] = _updated(keyset, active=info.active, fee=info.input_fee_ppk)
        changed = [keyset for keyset in current.values() if known.get(keyset.id) != keyset]
        if changed:
            await self._db.write(lambda tx: purse.save_keysets(tx, mint.url, changed))
        return current


@dataclass(frozen=True, slots=True)
class _Told:
    """What a mint said of itself, and when."""

    info: MintInfo
    at: float


@dataclass(frozen=True, slots=True)
class _Reading:
    """A mint's keysets as of one moment; ``turn`` orders its beginning among all calls."""

    keysets: Mapping[str, Keyset]
    at: float
    turn: int


async def _keys(mint: Mint, info: KeysetInfo) -> Keyset | None:
    """Fetch a keyset's keys; None when they do not have the id that the mint lists.

    Such a keyset is left out: nothing is signed or accepted with it, and the others serve on.
    """
    try:
        return await mint.keys(info)
    except MintUnclear as error:
        if not isinstance(error.__cause__, InvalidKeyset):
            raise
        _log.warning("keyset_left_out", mint=mint.url, keyset=info.id, problem=str(error))
        return None


def _updated(keyset: Keyset, *, active: bool, fee: int) -> Keyset:
    return Keyset(keyset.id, keyset.unit, active, fee, keyset.final_expiry, keys=keyset.keys)


def as_wallet_error(
    error: MintBusy | MintDown | MintUnclear | MintRefusal,
) -> MintRateLimited | MintUnreachable | MintRefused:
    """Tell a mint's trouble to a client; nothing was redeemed."""
    if isinstance(error, MintBusy):
        later = {"Retry-After": str(max(error.retry_after_s, 1))}
        return MintUnreachable(headers=later) if error.silent else MintRateLimited(headers=later)
    if isinstance(error, MintRefusal):
        return MintRefused(f"The mint refused: {error.detail}")
    return MintUnreachable(headers={"Retry-After": "5"})
