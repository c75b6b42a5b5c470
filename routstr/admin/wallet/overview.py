"""Puts together what is known of the wallet and its mints."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Connection

from routstr.admin.wallet.schemas import (
    KeysetAnswer,
    MintBalance,
    WalletAnswer,
    WalletMint,
    WalletPlace,
)
from routstr.money import ZERO, Msat, Unit
from routstr.payment.places import Spot
from routstr.payment.release import recovered
from routstr.payment.standing import Outline, outline
from routstr.wallet import seed, stock
from routstr.wallet.exposure import exposures
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mints import Mints
from routstr.wallet.overview import Position
from routstr.wallet.stock import Stock

_NEVER_ASKED = MintHealth()


class Seen(Struct, frozen=True):
    """What the database says, as of one moment."""

    outline: Outline
    stocks: list[Stock]
    doubted: dict[Spot, int]
    lying: dict[str, Msat]
    recovered: Msat
    seed_shown: bool


def look(connection: Connection) -> Seen:
    """Read it: nothing here grows with the number of customers."""
    return Seen(
        outline(connection),
        stock.stocks(connection),
        stock.doubted(connection),
        exposures(connection),
        recovered(connection),
        seed.shown_at(connection) is not None,
    )


class Picture:
    """The wallet as it was seen. ``owed`` by place; None while that is not known."""

    def __init__(self, seen: Seen, mints: Mints, owed: Mapping[Spot, Msat] | None) -> None:
        self._seen = seen
        self._mints = mints
        self._owed = owed
        self._health = mints.health()
        self._positions = {(at.mint, at.unit): at for at in seen.outline.positions}

    def answer(self) -> WalletAnswer:
        """Tell everything, the primary mint first, mints that are not listed any more last."""
        sums = self._seen.outline
        return WalletAnswer(
            held_msat=int(sums.held_msat),
            between_msat=int(sums.between_msat),
            owed_msat=int(sums.owed_msat),
            yours_msat=int(sums.surplus_msat),
            recovered_msat=int(self._seen.recovered),
            seed_shown=self._seen.seed_shown,
            mints=[self._mint(url) for url in self.urls()],
        )

    def urls(self) -> list[str]:
        """The listed mints, and those where something is left."""
        used = {mint for mint, _ in {**self._positions, **(self._owed or {})}}
        return [*self._mints.urls, *sorted(used - set(self._mints.urls))]

    def balances(self) -> list[MintBalance]:
        """Tell the same in the words of the contract, a line for each place."""
        return [self._balance(url, unit) for url in self.urls() for unit in self._units(url)]

    def _mint(self, url: str) -> WalletMint:
        health = self._health.get(url, _NEVER_ASKED)
        listed, cap = url in self._mints.urls, self._mints.exposure.limits.get(url)
        return WalletMint(
            url=url,
            listed=listed,
            primary=self._mints.urls[:1] == (url,),
            state=health.state if listed else "unlisted",
            problem=health.problem if health.state in {"failing", "resting"} else "",
            rest_s=health.rest_s,
            latency_ms=health.latency_ms,
            answered_at=health.answered_at,
            failed_at=health.failed_at,
            cap_msat=None if cap is None else int(cap),
            lying_msat=int(self._seen.lying.get(url, ZERO)),
            places=[self._place(url, unit) for unit in self._units(url)],
            keysets=[_keyset(one) for one in self._seen.stocks if one.mint == url],
        )

    def _units(self, url: str) -> list[Unit]:
        """The units in which there is or was something; at least sat."""
        found = {unit for mint, unit in {**self._positions, **(self._owed or {})} if mint == url}
        return sorted(found or {Unit.SAT}, key=lambda unit: unit is not Unit.SAT)

    def _place(self, url: str, unit: Unit) -> WalletPlace:
        at = self._position(url, unit)
        owed = None if self._owed is None else self._owed.get((url, unit), ZERO)
        here = None if owed is None else owed + at.leaving_msat  # the sums above have it, too
        own = max(self._seen.outline.surplus_msat, ZERO)
        amounts: dict[int, int] = {}
        for one in self._seen.stocks:
            if (one.mint, one.unit) == (url, unit):
                for amount, count in one.amounts.items():
                    amounts[amount] = amounts.get(amount, 0) + count
        return WalletPlace(
            unit=unit,
            liquid=at.liquid,
            reserved=at.reserved,
            coming_in=at.coming_in,
            going_out=at.going_out,
            given_out=at.given_out,
            doubted=self._seen.doubted.get((url, unit), 0),
            payable=min(at.liquid, unit.from_msat_down(own)) if url in self._mints.urls else 0,
            owed_msat=None if here is None else int(here),
            yours_msat=None if here is None else int(at.held_msat - here),
            amounts=dict(sorted(amounts.items())),
        )

    def _balance(self, url: str, unit: Unit) -> MintBalance:
        at, health = self._position(url, unit), self._health.get(url, _NEVER_ASKED)
        owed = (self._owed or {}).get((url, unit), ZERO)
        wallet = at.liquid + at.reserved
        owner = int(at.held_msat - owed - at.leaving_msat) // unit.msat  # down, also below zero
        trouble = health.state in {"failing", "resting"}
        return MintBalance(
            mint_url=url,
            unit=unit,
            wallet_balance=wallet,
            user_balance=wallet - owner,
            owner_balance=owner,
            error=health.problem if trouble else None,
            error_code=("cooldown" if health.rest_s else "unreachable") if trouble else None,
            retry_after_seconds=health.rest_s or None,
        )

    def _position(self, url: str, unit: Unit) -> Position:
        return self._positions.get((url, unit)) or Position.empty(url, unit)


def _keyset(one: Stock) -> KeysetAnswer:
    return KeysetAnswer(
        id=one.keyset,
        unit=one.unit,
        active=one.active,
        fee_ppk=one.fee_ppk,
        proofs=one.proofs,
        amount=one.worth,
    )
