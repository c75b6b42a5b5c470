"""Checks that turn what a mint sent into values, or raise MintUnclear. Pure.

An answer must fit its question: the same keyset, amounts, number and order.
"""

from collections.abc import Sequence

from routstr.wallet.crypto import is_point, is_scalar
from routstr.wallet.keysets import InvalidKeyset, Keyset, KeysetInfo, is_full_id, with_keys
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.mint_json import (
    InfoJson,
    KeysetsJson,
    MeltJson,
    MeltQuoteJson,
    MintQuoteJson,
    RestoreJson,
    SignatureJson,
    StatesJson,
)
from routstr.wallet.mint_types import (
    MeltQuote,
    MeltResult,
    MintInfo,
    MintQuote,
    ProofState,
    Restored,
)
from routstr.wallet.proofs import BlindSignature, Dleq, PreparedOutput


def checked_info(answer: InfoJson) -> MintInfo:
    """Fill in what the mint left out."""
    return MintInfo(
        answer.name or "",
        answer.version or "",
        answer.description or "",
        answer.motd or "",
        answer.nuts or {},
    )


def checked_keysets(answer: KeysetsJson) -> tuple[KeysetInfo, ...]:
    """Keep the keysets whose ids this node understands; two with the same id are refused."""
    infos = tuple(
        KeysetInfo(k.id, k.unit, k.active, k.input_fee_ppk or 0, k.final_expiry or None)
        for k in answer.keysets
        if is_full_id(k.id)
    )
    if len({info.id for info in infos}) != len(infos):
        raise MintUnclear("the mint lists a keyset twice")
    return infos


def checked_keys(answer: KeysetsJson, info: KeysetInfo) -> Keyset:
    """Join the one keyset of the answer with what is known of it, and verify its id."""
    found = [k for k in answer.keysets if k.id == info.id]
    if len(found) != 1 or found[0].unit != info.unit:
        raise MintUnclear("the mint answered with another keyset")
    try:
        return with_keys(info, found[0].keys or {})
    except InvalidKeyset as error:
        raise MintUnclear(str(error)) from error


def checked_signatures(
    answer: Sequence[SignatureJson], outputs: Sequence[PreparedOutput]
) -> tuple[BlindSignature, ...]:
    """Match the signatures with the outputs, one by one and in order."""
    if len(answer) != len(outputs):
        raise MintUnclear("the mint answered with another number of signatures")
    return tuple(
        _checked_signature(signature, output)
        for signature, output in zip(answer, outputs, strict=True)
    )


def checked_melt(answer: MeltJson, blanks: Sequence[PreparedOutput]) -> MeltResult:
    """Match the change with the first of the blank outputs (NUT-08)."""
    change = answer.change or []
    if len(change) > len(blanks):
        raise MintUnclear("the mint answered with more change than outputs")
    signatures = checked_signatures(change, blanks[: len(change)])
    return MeltResult(answer.state, answer.payment_preimage, signatures)


def checked_restore(answer: RestoreJson, outputs: Sequence[PreparedOutput]) -> tuple[Restored, ...]:
    """Find the places of the outputs that the mint has signed before."""
    places = {output.blinded.hex(): i for i, output in enumerate(outputs)}
    if len(answer.outputs) != len(answer.signatures):
        raise MintUnclear("the mint restored another number of signatures than outputs")
    restored = []
    for repeated, signature in zip(answer.outputs, answer.signatures, strict=True):
        index = places.pop(repeated.blinded.lower(), None)
        if index is None:
            raise MintUnclear("the mint restored an output that was not asked for, or twice")
        restored.append(Restored(index, _checked_signature(signature, outputs[index])))
    return tuple(sorted(restored, key=lambda entry: entry.index))


def checked_states(answer: StatesJson, ys: Sequence[bytes]) -> list[ProofState]:
    """Take the states in the order of the question."""
    if [state.y.lower() for state in answer.states] != [y.hex() for y in ys]:
        raise MintUnclear("the mint answered with the states of other proofs")
    return [state.state for state in answer.states]


def checked_mint_quote(answer: MintQuoteJson) -> MintQuote:
    """Take a quote as it is; whoever asked compares it with the question."""
    return MintQuote(
        answer.quote, answer.request, answer.amount, answer.unit, answer.state, answer.expiry
    )


def checked_melt_quote(answer: MeltQuoteJson) -> MeltQuote:
    """Take a quote as it is; whoever asked compares it with the question."""
    return MeltQuote(
        answer.quote,
        answer.request,
        answer.amount,
        answer.unit,
        answer.fee_reserve,
        answer.state,
        answer.expiry,
        answer.payment_preimage,
    )


def _checked_signature(answer: SignatureJson, output: PreparedOutput) -> BlindSignature:
    if answer.id != output.keyset_id:
        raise MintUnclear("the mint signed with another keyset")
    if output.amount not in (0, answer.amount):
        raise MintUnclear("the mint signed another amount")
    signed = _bytes(answer.signed)
    if not is_point(signed):
        raise MintUnclear("the mint's signature is no point of the curve")
    if answer.dleq is None:
        return BlindSignature(answer.amount, answer.id, signed)
    dleq = Dleq(_bytes(answer.dleq.e), _bytes(answer.dleq.s))
    if not (is_scalar(dleq.e) and is_scalar(dleq.s)):
        raise MintUnclear("the mint's DLEQ proof is malformed")
    return BlindSignature(answer.amount, answer.id, signed, dleq)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MintUnclear("a value of the answer is not hexadecimal") from error
