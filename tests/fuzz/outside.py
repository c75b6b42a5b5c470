"""The money as it is outside of the node: at the mints, and in users' hands."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routstr.money import Msat, Unit
from routstr.wallet import token
from routstr.wallet.token import Token
from tests.fuzz.explain import Broken
from tests.fuzz.facts import Observer
from tests.fuzz.foreign_mint import ForeignMint
from tests.fuzz.lightning import Network
from tests.fuzz.mint import BriefSigner, TalliedMint
from tests.fuzz.model import Model
from tests.fuzz.records import Stage
from tests.fuzz.tasks import Redeem

FIRST, SECOND = "https://mint.example", "https://second.example"
FOREIGN: Final = "https://foreign.example"


@dataclass(frozen=True, slots=True)
class Gift:
    """A token that a user got back."""

    account: int
    token: Token
    saga: int


def played_mints(network: Network) -> dict[str, TalliedMint]:
    """One mint with two units and no fees, and one that takes fees; and one that nobody chose."""
    first = TalliedMint(BriefSigner(), BriefSigner(unit="msat"), url=FIRST, network=network)
    second = TalliedMint(BriefSigner(fee=100), url=SECOND, network=network)
    foreign = BriefSigner(fee=100), BriefSigner(unit="msat")
    return {
        FIRST: first,
        SECOND: second,
        FOREIGN: ForeignMint(*foreign, url=FOREIGN, network=network),
    }


class Outside:
    """Follows tokens that were given back, and compares the wallet with the mints."""

    def __init__(self, mints: Mapping[str, TalliedMint], observer: Observer) -> None:
        self._mints = mints
        self._observer = observer
        self.gifts: list[Gift] = []
        self._by_text: dict[str, Gift] = {}
        self._redeemed: Counter[int] = Counter()  # of each refund, by its saga, in msat

    def issuer(self, text: str) -> int | None:
        """The refund that made a token."""
        return self._observer.issuer(token.decode(text).proofs[0].y())

    def gift(self, text: str) -> Gift:
        """The token that a user was given."""
        return self._by_text[text]

    def give(self, text: str, worth: Msat | None = None) -> None:
        """A user was told of a token: it must be worth what was said."""
        if text in self._by_text:
            return
        saga = self.issuer(text)
        assert saga is not None, "it was looked at when the answer was explained"
        given = token.decode(text)
        mint = self._mints[given.mint]
        good = all(map(mint.is_good, mint.full(given)))
        if worth not in (None, given.unit.to_msat(given.amount)) or not good:
            raise Broken(f"the token of refund {saga} is not worth {worth} msat")
        self._by_text[text] = Gift(self._observer.account_of(saga), given, saga)
        self.gifts.append(self._by_text[text])

    def note_redeemed(self, done: Redeem) -> None:
        """A user redeemed proofs, of a refund or of their own."""
        if done.saga is not None:
            self._redeemed[done.saga] += int(done.unit.to_msat(done.token.amount))

    def tally(self, model: Model) -> None:
        """What the mints signed and is not spent is what the wallet has, when nothing is open.

        Tokens given out count until the node knows that they are redeemed.
        """
        found = self._observer.proofs()
        for url, mint in self._mints.items():
            for unit in Unit:
                had = int(unit.to_msat(found.get((url, unit), 0)))
                owed = int(unit.to_msat(mint.outstanding[unit])) + self._drift(model, url, unit)
                if had != owed:
                    told = f"the wallet has {had} msat in {unit}, the mint says {owed}"
                    raise Broken(f"{url}: {told}")

    def require_unspent(self) -> None:
        """Each proof that the wallet believes it can spend, its mint would take."""
        mints = self._mints
        gone = [y for mint, y in self._observer.own_proofs() if mints[mint].is_spent(y)]
        if gone:
            raise Broken(f"{len(gone)} proofs of the wallet are spent at their mints")
        if any(mint == FOREIGN for mint, _ in self._observer.own_proofs()):
            raise Broken("the node has ecash of its own at a mint that nobody chose")

    def _drift(self, model: Model, mint: str, unit: Unit) -> int:
        """What users redeemed, less what the node holds for redeemed."""
        drift = 0
        for gift in self.gifts:
            if (gift.token.mint, gift.token.unit) == (mint, unit):
                known = model.refunds[gift.saga]
                drift += self._redeemed[gift.saga]
                drift -= known.net if known.stage is Stage.CLAIMED else 0
        return drift
