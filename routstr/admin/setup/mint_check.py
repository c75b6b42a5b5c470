"""A look at a mint before the operator trusts it: who it says it is, what it can, what it takes.

Nothing is stored and no money moves. The mint is asked over checked connections only.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import ClientSession
from msgspec import Struct

from routstr.core.addresses import check_mint_url, normalise_mint_url
from routstr.core.clock import Clock
from routstr.core.redaction import clean
from routstr.wallet.keysets import KeysetInfo
from routstr.wallet.mint import Mint
from routstr.wallet.mint_errors import MintBusy, MintDown, MintRefusal, MintUnclear
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mint_types import Bounds, MintInfo

TIMEOUT_SECONDS: Final = 10.0
NEEDED: Final[Mapping[int, str]] = {7: "state", 9: "restore", 12: "proof"}
"""What the node cannot do without (by NUT), and what it is called in the pages' texts."""
_TEXT_CHARS_MAX: Final = 300
_UNITS: Final = ("sat", "msat")


class UnitReport(Struct, frozen=True):
    """One unit. ``fee_ppk``: thousandths of the unit for each proof spent (NUT-02)."""

    unit: str
    fee_ppk: int
    lightning_in: Bounds | None
    lightning_out: bool


class MintReport(Struct, frozen=True):
    """What a mint said. Its texts are its own. ``missing``: of :data:`NEEDED`, by name."""

    url: str
    name: str
    version: str
    description: str
    units: tuple[UnitReport, ...]
    missing: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether the node can work with it."""
        return bool(self.units) and not self.missing


class MintUnfit(Exception):
    """There is no report. ``reason`` is one of address, away, busy, refused, odd."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason: Final = reason
        self.detail: Final = detail


class MintCheck:
    """Asks mints. ``allow_insecure``: those of this machine may be asked, too."""

    def __init__(self, session: ClientSession, clock: Clock, *, allow_insecure: bool) -> None:
        self._session: Final = session
        self._clock: Final = clock
        self._allow_insecure: Final = allow_insecure

    async def look(self, url: str) -> MintReport:
        """Ask a mint. Raises :class:`MintUnfit`."""
        try:
            normal = normalise_mint_url(url if "://" in url else f"https://{url.strip()}")
            check_mint_url(normal, allow_insecure=self._allow_insecure)
        except ValueError as error:
            raise MintUnfit("address", str(error)) from None
        mint = Mint(normal, self._session, MintGate(self._clock), timeout_s=TIMEOUT_SECONDS)
        try:
            info, keysets = await asyncio.gather(mint.info(), mint.keysets())
        except MintDown:
            raise MintUnfit("away") from None
        except MintBusy:
            raise MintUnfit("busy") from None
        except MintRefusal as error:
            raise MintUnfit("refused", error.detail) from None
        except MintUnclear:
            raise MintUnfit("odd") from None
        return _report(normal, info, keysets)


def _report(url: str, info: MintInfo, keysets: tuple[KeysetInfo, ...]) -> MintReport:
    active = [keyset for keyset in keysets if keyset.active]
    units = tuple(
        UnitReport(
            unit=unit,
            fee_ppk=max(one.input_fee_ppk for one in active if one.unit == unit),
            lightning_in=info.minting(unit),
            lightning_out=_melts(info, unit),
        )
        for unit in _UNITS
        if any(one.unit == unit for one in active)
    )
    missing = (name for nut, name in NEEDED.items() if not info.supports(nut))
    return MintReport(
        url=url,
        name=_short(info.name),
        version=_short(info.version),
        description=_short(info.description),
        units=units,
        missing=tuple(missing),
    )


def _melts(info: MintInfo, unit: str) -> bool:
    """Whether the mint pays Lightning invoices out of a unit (NUT-05)."""
    setting = info.nuts.get("5")
    if not isinstance(setting, Mapping) or setting.get("disabled", False):
        return False
    methods = setting.get("methods")
    return isinstance(methods, list) and any(
        isinstance(one, Mapping) and (one.get("method"), one.get("unit")) == ("bolt11", unit)
        for one in methods
    )


def _short(text: str) -> str:
    return clean(text)[:_TEXT_CHARS_MAX]
