"""A payer's own wallet at one mint, made of the node's wallet primitives.

Lives in memory. It gets ecash by an invoice that the mint's fake Lightning backend pays itself,
writes tokens, redeems them, and asks what became of them. Amounts are whole units of ``unit``.
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal, Self

import aiohttp

from routstr.core.clock import SystemClock
from routstr.money import Unit
from routstr.wallet.amounts import split
from routstr.wallet.keysets import Keyset, choose_active, input_fee
from routstr.wallet.mint import Mint
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mint_types import MintQuoteState, ProofState
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof, finish, make_outputs
from routstr.wallet.token import Token, decode, encode_a, encode_b, expand, ys

Form = Literal["A", "B"]

_STOCKED: Final = 4
"""How many proofs a stock gets for each that is missing: one call to the mint costs as much as
twenty signatures."""

_PAID_LIMIT_S: Final = 10.0
_POLL_S: Final = 0.02


class Payer:
    """``async with Payer(mint_url) as payer``: a wallet with an empty purse.

    One that ``stocks`` buys ecash for tokens before it is needed: for a payer of many tests.
    """

    def __init__(self, mint_url: str, *, stocks: bool = False) -> None:
        self.mint_url = mint_url
        self._stocks = stocks
        self._stock: defaultdict[tuple[Unit, int], list[TokenProof]] = defaultdict(list)
        self._stocking: defaultdict[Unit, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._seed = os.urandom(64)
        self._counters: Counter[str] = Counter()
        self._purse: dict[Unit, list[TokenProof]] = {unit: [] for unit in Unit}
        self._keysets: dict[str, Keyset] = {}

    async def __aenter__(self) -> Self:
        # a mint closes idle connections, and a request that meets that cannot be repeated blindly
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        self._mint = Mint(self.mint_url, self._session, MintGate(SystemClock()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def balance(self, unit: Unit = Unit.SAT) -> int:
        """What the purse holds."""
        return sum(proof.amount for proof in self._purse[unit])

    async def token(
        self,
        amount: int,
        unit: Unit = Unit.SAT,
        *,
        pieces: Sequence[int] | None = None,
        form: Form = "B",
    ) -> str:
        """Buy ecash and write it as a token; the purse is not touched.

        ``pieces`` says which denominations it is made of; their sum is then the amount.
        """
        amounts = pieces or await self._split(amount, unit)
        buy = self._take if self._stocks else self._issue
        return self.write(await buy(amounts, unit), unit, form=form)

    async def fund(self, amount: int, unit: Unit = Unit.SAT) -> None:
        """Buy ecash into the purse."""
        self._purse[unit] += await self._issue(await self._split(amount, unit), unit)

    async def pay(self, amount: int, unit: Unit = Unit.SAT, *, form: Form = "B") -> str:
        """A token of exactly this amount out of the purse; the payer bears the mint's fee."""
        everything = self._purse[unit]
        fee = await self._fee(everything)
        rest = self.balance(unit) - fee - amount
        if rest < 0:
            raise ValueError(f"the purse holds {self.balance(unit)} {unit}, the fee is {fee}")
        paid, kept = await self._split(amount, unit), await self._split(rest, unit)
        self._purse[unit] = []  # the mint has them from now on
        fresh = await self._swap(everything, [*paid, *kept], unit)
        self._purse[unit] = fresh[len(paid) :]
        return self.write(fresh[: len(paid)], unit, form=form)

    async def redeem(self, text: str) -> int:
        """Swap a token of this mint into the purse; returns what arrived, net of the fee."""
        token = await self._read(text)
        amount = token.amount - await self._fee(token.proofs)
        wanted = await self._split(amount, token.unit)
        self._purse[token.unit] += await self._swap(token.proofs, wanted, token.unit)
        return amount

    async def fee(self, text: str) -> int:
        """What spending a token of this mint costs (NUT-02)."""
        return await self._fee((await self._read(text)).proofs)

    async def states(self, text: str) -> list[ProofState]:
        """What the mint says of each proof of a token (NUT-07)."""
        return await self._mint.check_state(ys(await self._read(text)))

    def write(self, proofs: Iterable[TokenProof], unit: Unit, *, form: Form = "B") -> str:
        """Proofs of this mint as a token."""
        encode = encode_a if form == "A" else encode_b
        return encode(Token(self.mint_url, unit, tuple(proofs)))

    async def _take(self, amounts: Sequence[int], unit: Unit) -> list[TokenProof]:
        async with self._stocking[unit]:
            wanted = Counter(amounts)
            missing = [
                amount
                for amount, count in wanted.items()
                for _ in range(count - len(self._stock[unit, amount]))
            ]
            if missing:
                for proof in await self._issue(missing * _STOCKED, unit):
                    self._stock[unit, proof.amount].append(proof)
            return [self._stock[unit, amount].pop() for amount in amounts]

    async def _issue(self, amounts: Sequence[int], unit: Unit) -> list[TokenProof]:
        quote = await self._mint.mint_quote(sum(amounts), unit)
        async with asyncio.timeout(_PAID_LIMIT_S):
            while quote.state is not MintQuoteState.PAID:
                await asyncio.sleep(_POLL_S)
                quote = await self._mint.mint_quote_state(quote.id)
        outputs = await self._outputs(amounts, unit)
        return self._finish(outputs, await self._mint.mint(quote.id, outputs))

    async def _swap(
        self, proofs: Sequence[TokenProof], amounts: Sequence[int], unit: Unit
    ) -> list[TokenProof]:
        outputs = await self._outputs(amounts, unit)
        return self._finish(outputs, await self._mint.swap(proofs, outputs))

    async def _outputs(self, amounts: Sequence[int], unit: Unit) -> list[PreparedOutput]:
        keyset = await self._active(unit)
        first = self._counters[keyset.id]
        self._counters[keyset.id] += len(amounts)
        return make_outputs(self._seed, keyset.id, amounts, first_counter=first)

    def _finish(
        self, outputs: Sequence[PreparedOutput], signatures: Sequence[BlindSignature]
    ) -> list[TokenProof]:
        keyset = self._keysets[outputs[0].keyset_id]
        return [proof.for_token() for proof in finish(outputs, signatures, keyset)]

    async def _read(self, text: str) -> Token:
        return expand(decode(text), await self._known())

    async def _split(self, amount: int, unit: Unit) -> list[int]:
        return split(amount, (await self._active(unit)).keys)

    async def _fee(self, proofs: Iterable[TokenProof]) -> int:
        known = await self._known()
        return input_fee(known[proof.keyset_id].input_fee_ppk for proof in proofs)

    async def _active(self, unit: Unit) -> Keyset:
        now_s = SystemClock().now_ms() // 1_000
        keyset = choose_active((await self._known()).values(), unit, now_s=now_s)
        assert keyset is not None, f"{self.mint_url} has no active keyset in {unit}"
        return keyset

    async def _known(self) -> dict[str, Keyset]:
        if not self._keysets:
            for info in await self._mint.keysets():
                self._keysets[info.id] = await self._mint.keys(info)
        return self._keysets
