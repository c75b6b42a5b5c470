"""The client of one mint: its endpoints as methods, strictly checked (NUT-01..09, 12, 20, 23).

A method returns only what fits the question. Otherwise it raises one of the outcomes of
``mint_errors``: MintRefusal, MintBusy and MintDown mean that this call changed nothing;
after MintUnclear the operation stays open until the mint was asked for its state.
DLEQ proofs are verified where the keys are: by ``proofs.finish``, in a thread.
"""

from collections.abc import Sequence
from typing import Final

import aiohttp

from routstr.money import Unit
from routstr.wallet import mint_answers as check
from routstr.wallet import mint_json as wire
from routstr.wallet.keysets import Keyset, KeysetInfo
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.mint_gate import MintGate
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mint_http import TIMEOUT_S, Called, MintHttp, path_part, uncounted
from routstr.wallet.mint_socket import QuoteSocket
from routstr.wallet.mint_types import (
    MeltQuote,
    MeltResult,
    MintInfo,
    MintQuote,
    ProofState,
    Restored,
)
from routstr.wallet.proofs import BlindSignature, PreparedOutput, TokenProof

MELT_TIMEOUT_S: Final = 120.0  # a Lightning payment takes its time
BATCH: Final = 100  # mints bound the length of a question

# nutshell's general codes: raised for many reasons, in issuing and paying also after the fact
_VAGUE_CODES: Final = frozenset({10000, 11000, 12000, 20000})


class Mint:
    """One mint. Timeouts are seconds for the whole call, waiting for a free place included once."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        gate: MintGate,
        *,
        timeout_s: float = TIMEOUT_S,
        called: Called = uncounted,
    ) -> None:
        """Take the mint's normal URL, the session to reach it by, and the bounds on its calls.

        ``timeout_s`` is for calls that name none of their own; ``called`` is told of each call.
        """
        self.url = url
        self._http = MintHttp(url, session, gate, timeout_s, called)

    @property
    def health(self) -> MintHealth:
        """How the mint has served this process."""
        return self._http.health

    async def info(self, *, timeout_s: float | None = None) -> MintInfo:
        """Ask what the mint says of itself (NUT-06)."""
        return check.checked_info(await self._http.get("/v1/info", wire.InfoJson, timeout_s))

    async def keysets(self, *, timeout_s: float | None = None) -> tuple[KeysetInfo, ...]:
        """List the mint's keysets, active or not; ids of unknown versions are left out (NUT-02)."""
        answer = await self._http.get("/v1/keysets", wire.KeysetsJson, timeout_s)
        return check.checked_keysets(answer)

    async def keys(self, info: KeysetInfo, *, timeout_s: float | None = None) -> Keyset:
        """Fetch the keys of a listed keyset and verify that they hash to its id (NUT-01, 02)."""
        answer = await self._http.get(f"/v1/keys/{info.id}", wire.KeysetsJson, timeout_s)
        return check.checked_keys(answer, info)

    async def swap(
        self,
        inputs: Sequence[TokenProof],
        outputs: Sequence[PreparedOutput],
        *,
        timeout_s: float | None = None,
    ) -> tuple[BlindSignature, ...]:
        """Spend proofs for new ones of the same sum less the input fee (NUT-03)."""
        body = {"inputs": _inputs(inputs), "outputs": _outputs(outputs)}
        answer = await self._http.post("/v1/swap", body, wire.SignaturesJson, timeout_s)
        return check.checked_signatures(answer.signatures, outputs)

    async def check_state(
        self, ys: Sequence[bytes], *, timeout_s: float | None = None
    ) -> list[ProofState]:
        """Ask for the states of proofs by their points, in order, 100 per call (NUT-07)."""
        states: list[ProofState] = []
        for start in range(0, len(ys), BATCH):
            part = ys[start : start + BATCH]
            body = {"Ys": [y.hex() for y in part]}
            answer = await self._http.post("/v1/checkstate", body, wire.StatesJson, timeout_s)
            states += check.checked_states(answer, part)
        return states

    async def restore(
        self, outputs: Sequence[PreparedOutput], *, timeout_s: float | None = None
    ) -> list[Restored]:
        """Ask which of these outputs the mint has ever signed, 100 per call (NUT-09).

        An output of amount 0 takes whatever amount the mint signed it for.
        """
        restored: list[Restored] = []
        for start in range(0, len(outputs), BATCH):
            part = outputs[start : start + BATCH]
            body = {"outputs": _outputs(part)}
            answer = await self._http.post("/v1/restore", body, wire.RestoreJson, timeout_s)
            restored += (
                Restored(start + entry.index, entry.signature)
                for entry in check.checked_restore(answer, part)
            )
        return restored

    async def mint_quote(
        self, amount: int, unit: Unit, *, lock: str = "", timeout_s: float | None = None
    ) -> MintQuote:
        """Ask for an invoice to pay for new ecash of this amount (NUT-04, 23).

        ``lock`` is the public key whose signature the ecash is to be given for (NUT-20).
        """
        body = {"amount": amount, "unit": unit.value, **_named("pubkey", lock)}
        answer = await self._http.post("/v1/mint/quote/bolt11", body, wire.MintQuoteJson, timeout_s)
        quote = check.checked_mint_quote(answer)
        if (quote.amount, quote.unit) != (amount, unit):
            raise MintUnclear("the mint quoted another amount or unit")
        if lock and answer.pubkey is not None and answer.pubkey.lower() != lock:
            raise MintUnclear("the mint locked the quote with another key")
        return quote

    async def mint_quote_state(self, quote_id: str, *, timeout_s: float | None = None) -> MintQuote:
        """Ask how far the payment of an invoice is (NUT-04)."""
        path = f"/v1/mint/quote/bolt11/{path_part(quote_id)}"
        quote = check.checked_mint_quote(await self._http.get(path, wire.MintQuoteJson, timeout_s))
        _require_same_quote(quote.id, quote_id)
        return quote

    async def mint(
        self,
        quote_id: str,
        outputs: Sequence[PreparedOutput],
        *,
        signature: str = "",
        timeout_s: float | None = None,
    ) -> tuple[BlindSignature, ...]:
        """Take the ecash that a paid invoice is for; the outputs sum up to its amount (NUT-04).

        ``signature`` is that of the key which the quote is locked with, if it is (NUT-20).
        """
        body = {
            "quote": quote_id,
            "outputs": _outputs(outputs),
            **_named("signature", signature),
        }
        answer = await self._http.post(
            "/v1/mint/bolt11", body, wire.SignaturesJson, timeout_s, doubted=_VAGUE_CODES
        )
        return check.checked_signatures(answer.signatures, outputs)

    def quote_socket(self) -> QuoteSocket:
        """Make a connection by which the mint tells of quotes that change (NUT-17)."""
        return self._http.socket()

    async def melt_quote(
        self, invoice: str, unit: Unit, *, timeout_s: float | None = None
    ) -> MeltQuote:
        """Ask what the mint wants for paying a bolt11 invoice (NUT-05, 23)."""
        body = {"request": invoice, "unit": unit.value}
        answer = await self._http.post("/v1/melt/quote/bolt11", body, wire.MeltQuoteJson, timeout_s)
        quote = check.checked_melt_quote(answer)
        if (quote.request, quote.unit) != (invoice, unit):
            raise MintUnclear("the mint quoted another invoice or unit")
        return quote

    async def melt_quote_state(self, quote_id: str, *, timeout_s: float | None = None) -> MeltQuote:
        """Ask how far the mint's payment is (NUT-05)."""
        path = f"/v1/melt/quote/bolt11/{path_part(quote_id)}"
        quote = check.checked_melt_quote(await self._http.get(path, wire.MeltQuoteJson, timeout_s))
        _require_same_quote(quote.id, quote_id)
        return quote

    async def melt(
        self,
        quote_id: str,
        inputs: Sequence[TokenProof],
        blanks: Sequence[PreparedOutput] = (),
        *,
        timeout_s: float = MELT_TIMEOUT_S,
    ) -> MeltResult:
        """Spend proofs for the payment of a quoted invoice (NUT-05), with outputs for change.

        The blank outputs have amount 0; the mint returns what it did not need on the first of
        them (NUT-08). The result's state may be PENDING or UNPAID.
        """
        body = {"quote": quote_id, "inputs": _inputs(inputs), "outputs": _outputs(blanks) or None}
        answer = await self._http.post(
            "/v1/melt/bolt11", body, wire.MeltJson, timeout_s, doubted=_VAGUE_CODES
        )
        return check.checked_melt(answer, blanks)


def _named(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def _inputs(proofs: Sequence[TokenProof]) -> list[dict[str, object]]:
    """Write proofs for their mint: never with the DLEQ proof, whose ``r`` would unmask them."""
    return [
        {"amount": proof.amount, "id": proof.keyset_id, "secret": proof.secret, "C": proof.c.hex()}
        for proof in proofs
    ]


def _outputs(outputs: Sequence[PreparedOutput]) -> list[dict[str, object]]:
    # a blank output is sent with 1, which mints that check amounts let pass (NUT-08)
    return [
        {"amount": output.amount or 1, "id": output.keyset_id, "B_": output.blinded.hex()}
        for output in outputs
    ]


def _require_same_quote(answered: str, asked: str) -> None:
    if answered != asked:
        raise MintUnclear("the mint answered with another quote")
