"""Parsers, what they read, and inputs that are almost right: a change or a few to a good one.

Whatever comes, a parser returns something or raises what it promises; streams are read alike
however they are cut; nothing takes long. Almost-right inputs get further in than random ones do.
"""

import base64
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any, Final

import msgspec

from routstr.errors import RoutstrError, UpstreamError, WalletError
from routstr.payment.usage_reading import MAX_TOKENS, parse_usage
from routstr.proxy.dialects import DIALECTS
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.choices import CHAT_WORDING
from routstr.proxy.multipart import Reader
from routstr.proxy.request import PaidRequest
from routstr.wallet import bech32, bolt11, payment_request, token
from routstr.wallet.bech32 import Variant

SECONDS_MAX: Final = 2.0
"""Of CPU, for one input."""
SIZE_MAX: Final = 20_000
EVENT_BYTES_MAX: Final = 64 * 1024

Read = Callable[[bytes, random.Random], None]


@dataclass(frozen=True)
class Target:
    """A parser: how it is asked, good inputs, and words that mean something to it."""

    read: Read
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()


class Slow(AssertionError):
    """An input took longer than any should."""


def once(target: Target, number: int, seed: int) -> bytes:
    """Read input ``number`` of this seed; raises what the parser must not. Returns the input."""
    chance = random.Random(f"{seed}/{number}")
    data = changed(target, chance)
    began = process_time()
    try:
        target.read(data, chance)
    except BaseException as error:
        error.add_note(f"input {number} of seed {seed}: {data[:2_000]!r}")
        raise
    if (took := process_time() - began) > SECONDS_MAX:
        raise Slow(f"input {number} of seed {seed} took {took:.1f} s: {data[:2_000]!r}")
    return data


_NUMBERS: Final = (
    b"0", b"-1", b"1e400", b"NaN", b"1.5", b"9" * 30, b"9" * 5_000, b"18446744073709551616",
    b"true", b"null", b'"x"', b"[]", b"{}",
)  # fmt: skip
_BYTES: Final = (
    b"\x00", b"\xff", b"\r", b"\n", b"\r\n", b"\x80", b"\xc3", b"\xed\xa0\x80", b'"', b"\\",
    b"[" * 500, b"{" * 500, b"\xa1" * 200, b"\x9b" + b"\xff" * 8, b"\x5b" + b"\x7f" * 8,
)  # fmt: skip


def changed(target: Target, chance: random.Random) -> bytes:
    """A good input with a few changes."""
    data = bytearray(chance.choice(target.seeds))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((1, 1, 2, 8, 40)))
        match chance.randrange(8):
            case 0:
                data[at:to] = chance.randbytes(to - at)
            case 1:
                del data[at:to]
            case 2:
                data[at:at] = bytes(data[at:to]) * chance.choice((1, 2, 100))
            case 3:
                data[at:at] = chance.choice((*_BYTES, *target.words, *_NUMBERS))
            case 4:
                other = chance.choice(target.seeds)
                data[at:] = other[chance.randrange(len(other) + 1) :]
            case 5:
                numbers = list(re.finditer(rb"-?\d+", data))
                if numbers:
                    data[slice(*chance.choice(numbers).span())] = chance.choice(_NUMBERS)
            case 6 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case _:
                data[at:to] = chance.choice((*_BYTES, *target.words))
    return bytes(data[:SIZE_MAX])


def cut(data: bytes, chance: random.Random) -> list[bytes]:
    """In pieces, perhaps of one byte."""
    if len(data) < 2_000 and chance.randrange(4) == 0:
        return [bytes([byte]) for byte in data]
    places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(6)))
    pairs = zip([0, *places], [*places, len(data)], strict=True)
    return [data[start:end] for start, end in pairs]


def _token_text(data: bytes, _chance: random.Random) -> None:
    _token(data.decode("latin-1"))


def _token_inside(prefix: str) -> Read:
    def read(data: bytes, _chance: random.Random) -> None:
        _token(prefix + base64.urlsafe_b64encode(data).decode())

    return read


def _token(text: str) -> None:
    try:
        found = token.decode(text)
    except WalletError:
        return
    assert found.amount >= 0
    assert token.ys(token.decode(token.encode_a(found))) == token.ys(found)


def _token_raw(data: bytes, _chance: random.Random) -> None:
    try:
        token.decode_raw(data)
    except WalletError:
        return


def _request_text(data: bytes, _chance: random.Random) -> None:
    _request(data.decode("latin-1"))


def _request_cbor(data: bytes, _chance: random.Random) -> None:
    _request("creqA" + base64.urlsafe_b64encode(data).decode())


def _request_tlv(data: bytes, _chance: random.Random) -> None:
    _request(bech32.encode("creqb", data, Variant.BECH32M))


def _request(text: str) -> None:
    try:
        found = payment_request.decode(text)
        again = payment_request.decode(payment_request.encode_a(found))
    except payment_request.InvalidPaymentRequest:
        return
    assert again == found


def _invoice_text(data: bytes, _chance: random.Random) -> None:
    _invoice(data.decode("latin-1"))


def _invoice_words(data: bytes, _chance: random.Random) -> None:
    """The groups of an invoice behind a right checksum."""
    prefix, _, words = data.partition(b"|")
    named = prefix.decode("latin-1")
    if not named.isascii():
        return
    groups = [byte & 31 for byte in words]
    ends = bech32._checksum([*bech32._spread(named), *groups, *[0] * 6]) ^ Variant.BECH32
    check = [ends >> 5 * place & 31 for place in reversed(range(6))]
    _invoice(f"{named}1{''.join(bech32._ALPHABET[word] for word in [*groups, *check])}")


def _invoice(text: str) -> None:
    try:
        found = bolt11.decode(text)
    except bolt11.InvalidInvoice:
        return
    assert len(found.payment_hash) == 32


def _usage(data: bytes, _chance: random.Random) -> None:
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    found = parse_usage(body)
    if found is not None:
        assert 0 <= found.prompt <= MAX_TOKENS
        assert 0 <= found.completion <= MAX_TOKENS
        assert found.input >= 0


def _paid_request(data: bytes, _chance: random.Random) -> None:
    try:
        request = PaidRequest.parse(data, CHAT_WORDING)
        written = request.encode("model", 7)
    except RoutstrError:
        return
    again = msgspec.json.decode(written)
    assert again["model"] == "model"
    limits = [again[name] for name in ("max_tokens", "max_completion_tokens") if name in again]
    assert limits
    assert all(limit <= 7 for limit in limits if isinstance(limit, int))


def _form(data: bytes, chance: random.Random) -> None:
    def read(pieces: Sequence[bytes]) -> object:
        reader = Reader(b"xYz")
        try:
            spooled = b"".join(map(reader.feed, pieces))
            reader.end()
        except RoutstrError as error:
            return type(error)
        return reader.parts, spooled

    assert read(cut(data, chance)) == read([data])


def _stream(dialect: Dialect) -> Read:
    def outcome(pieces: Sequence[bytes]) -> object:
        reader = dialect.scanner(EVENT_BYTES_MAX)
        try:
            passed = b"".join([*map(reader.feed, pieces), reader.end()])
        except UpstreamError as error:
            return str(error)
        return passed, reader.usage, reader.done, reader.error

    def read(data: bytes, chance: random.Random) -> None:
        assert outcome(cut(data, chance)) == outcome([data])

    return read


def json_bytes(value: Any) -> bytes:
    return msgspec.json.encode(value)


def streams() -> dict[str, Read]:
    """A reader for each way in which dialects read a stream, by one of their endpoints."""
    makers = {type(one.scanner(1)): one for one in reversed(DIALECTS)}
    return {one.endpoint: _stream(one) for one in makers.values()}
