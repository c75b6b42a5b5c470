"""Lightning invoices for tests, and a played mint that makes, issues and locks them."""

import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from coincurve import PublicKeyXOnly

from routstr.money import Unit
from routstr.wallet import quote_keys
from routstr.wallet.bech32 import _ALPHABET, Variant, _checksum, _regroup, _spread
from routstr.wallet.mint_errors import MintCode, MintRefusal
from routstr.wallet.mint_types import MintInfo, MintQuote, MintQuoteState
from routstr.wallet.proofs import BlindSignature, PreparedOutput
from tests.unit.wallet.played_mint import Oddity, PlayedMint
from tests.unit.wallet.signing import Signer

CREATED = 1_700_000_000


def words_of(data: bytes) -> list[int]:
    return _regroup(data, 8, 5, pad=True)


def field(tag: int, words: Sequence[int]) -> list[int]:
    return [tag, len(words) >> 5, len(words) & 31, *words]


def encode(prefix: str, words: Sequence[int]) -> str:
    """Write an invoice of whatever words, with a right checksum."""
    ends = _checksum([*_spread(prefix), *words, *[0] * 6]) ^ Variant.BECH32
    check = [ends >> 5 * place & 31 for place in reversed(range(6))]
    return f"{prefix}1{''.join(_ALPHABET[word] for word in [*words, *check])}"


def invoice(
    msat: int | None,
    payment_hash: bytes = bytes(32),
    *,
    created: int = CREATED,
    expiry: int | None = 3_600,
    more: Sequence[int] = (),
) -> str:
    """Make an invoice without a signature worth the name."""
    amount = "" if msat is None else f"{msat * 10}p"
    words = [created >> 5 * place & 31 for place in reversed(range(7))]
    words += field(1, words_of(payment_hash))
    if expiry is not None:
        words += field(6, [expiry >> 10 & 31, expiry >> 5 & 31, expiry & 31])
    return encode(f"lnbc{amount}", [*words, *more, *[0] * 104])


@dataclass
class Ordered:
    """A quote as the mint has it."""

    id: str
    amount: int
    unit: str
    request: str
    lock: str
    state: MintQuoteState = MintQuoteState.UNPAID


class InvoiceMint(PlayedMint):
    """A played mint with invoices. ``pay`` pays one; ``forms`` are the signatures that it knows."""

    def __init__(self, *signers: Signer, url: str = "https://mint.example", clock: int = 0) -> None:
        super().__init__(*signers, url=url)
        self.ordered: dict[str, Ordered] = {}
        self.forms = (True, True)
        self.locks = True
        self.bounds: dict[str, int] = {}
        self.asks_msat: int | None = None
        self.created = clock or CREATED
        self._mint_oddities: deque[Oddity] = deque()

    @property
    def last(self) -> Ordered:
        return list(self.ordered.values())[-1]

    def next_mint(self, *oddities: Oddity) -> None:
        self._mint_oddities.extend(oddities)

    def pay(self, quote: str = "") -> None:
        self.ordered[quote or self.last.id].state = MintQuoteState.PAID

    async def info(self, **_: float | None) -> MintInfo:
        known = await super().info()
        units = {signer.info.unit for signer in self.signers.values()}
        methods = [{"method": "bolt11", "unit": unit, **self.bounds} for unit in sorted(units)]
        nuts = {**known.nuts, "4": {"methods": methods, "disabled": False}}
        return MintInfo("", "", "", "", {**nuts, "20": {"supported": self.locks}})

    async def mint_quote(
        self, amount: int, unit: Unit, *, lock: str = "", **_: float | None
    ) -> MintQuote:
        await self._enter("mint_quote")
        msat = int(unit.to_msat(amount)) if self.asks_msat is None else self.asks_msat
        request = invoice(msat, secrets.token_bytes(32), created=self.created)
        made = Ordered(secrets.token_hex(8), amount, unit.value, request, lock)
        self.ordered[made.id] = made
        return self._told(made)

    async def mint_quote_state(self, quote_id: str, **_: float | None) -> MintQuote:
        await self._enter("mint_quote_state")
        return self._told(self.ordered[quote_id])

    async def mint(
        self,
        quote_id: str,
        outputs: Sequence[PreparedOutput],
        *,
        signature: str = "",
        **_: float | None,
    ) -> tuple[BlindSignature, ...]:
        await self._enter("mint")

        def issue() -> tuple[BlindSignature, ...]:
            return self._issue(self.ordered[quote_id], outputs, signature)

        if self._mint_oddities:
            return await self._mint_oddities.popleft()(issue)
        return issue()

    def _told(self, made: Ordered) -> MintQuote:
        expiry = self.created + 3_600
        return MintQuote(made.id, made.request, made.amount, made.unit, made.state, expiry)

    def _issue(
        self, made: Ordered, outputs: Sequence[PreparedOutput], signature: str
    ) -> tuple[BlindSignature, ...]:
        self._require(made.state is not MintQuoteState.ISSUED, MintCode.QUOTE_ISSUED)
        self._require(made.state is MintQuoteState.PAID, MintCode.QUOTE_UNPAID)
        self._require(
            not any(output.blinded in self.signed for output in outputs), MintCode.OUTPUTS_SIGNED
        )
        self._require(all(map(self._is_active, outputs)), MintCode.KEYSET_INACTIVE)
        self._require(sum(o.amount for o in outputs) == made.amount, MintCode.UNBALANCED)
        if made.lock:
            known = (quote_keys._plain(made.id, outputs), quote_keys._framed(made.id, outputs))
            valid = any(
                is_known and signature and _verify(made.lock, message, signature)
                for is_known, message in zip(self.forms, known, strict=True)
            )
            self._require(bool(valid), MintCode.QUOTE_SIGNATURE_INVALID)
        signatures = tuple(self.signers[o.keyset_id].sign(o) for o in outputs)
        self.signed.update(zip((o.blinded for o in outputs), signatures, strict=True))
        made.state = MintQuoteState.ISSUED
        self.calls["issued"] += 1
        return signatures


def _verify(lock: str, message: bytes, signature: str) -> bool:
    key = PublicKeyXOnly(bytes.fromhex(lock)[1:])
    return key.verify(bytes.fromhex(signature), sha256(message).digest())


def refusal(code: int) -> MintRefusal:
    return MintRefusal(code, "refused as told")
