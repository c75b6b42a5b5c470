"""The short notation of a payment request: fields of type, length, value (NUT-26). Pure.

Reads bytes into the plain content that the other notation (CBOR) has by itself, with NUT-18's
names of one letter, and writes them from it. What the content means is judged by
``payment_request``.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from routstr.wallet import tlv
from routstr.wallet.nostr_names import InvalidName, Profile, read_profile, write_profile
from routstr.wallet.tlv import InvalidTlv

Content = dict[str, Any]
Tags = list[list[str]]

_KIND, _TARGET, _TAG = 1, 2, 3
_AMOUNT_BYTES: Final = 8
_SAT: Final = b"\0"
_NOSTR: Final = "nostr"
_TRANSPORTS: Final = (_NOSTR, "post")
_LOCKS: Final = ("P2PK", "HTLC")
_RELAY: Final = "r"  # a tag here, part of the target in the other notation

_fields = partial(tlv.read_fields, length_bytes=2)
_field = partial(tlv.write_field, length_bytes=2)


class _Field(NamedTuple):
    """A field of the request: its name in the content, and how its value is read and written."""

    name: str
    read: Callable[[bytes], object]
    write: Callable[[Any], bytes]
    repeats: bool = False


def read(data: bytes) -> Content:
    """Read a payment request. Fields of unknown types are left out, as the standard wants.

    Raises InvalidTlv.
    """
    content: Content = {}
    for kind, value in _fields(data):
        field = _FIELDS.get(kind)
        if field is None:
            continue
        if field.repeats:
            content.setdefault(field.name, []).append(field.read(value))
        elif field.name in content:
            raise InvalidTlv(f"it has the field {kind} twice")
        else:
            content[field.name] = field.read(value)
    return content


def write(content: Mapping[str, Any]) -> bytes:
    """Write a payment request. Raises InvalidTlv for what this notation has no place for."""
    parts: list[bytes] = []
    for kind, field in _FIELDS.items():
        if field.name in content:
            value = content[field.name]
            values = value if field.repeats else [value]
            parts += [_field(kind, field.write(one)) for one in values]
    return b"".join(parts)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidTlv("a text is not UTF-8") from None


def _read_amount(value: bytes) -> int:
    if len(value) != _AMOUNT_BYTES:
        raise InvalidTlv("the amount is not 8 bytes long")
    return int.from_bytes(value)


def _write_amount(amount: int) -> bytes:
    return amount.to_bytes(_AMOUNT_BYTES)


def _read_unit(value: bytes) -> str:
    return "sat" if value == _SAT else _text(value)


def _write_unit(unit: str) -> bytes:
    return _SAT if unit == "sat" else unit.encode()


def _read_flag(value: bytes) -> bool:
    if value not in {b"\0", b"\1"}:
        raise InvalidTlv("the mark of single use is neither 0 nor 1")
    return value == b"\1"


def _write_flag(flag: bool) -> bytes:  # noqa: FBT001 - a value that is written
    return bytes([flag])


def _read_transport(data: bytes) -> Content:
    number, target, tags = _read_parts(data)
    if number >= len(_TRANSPORTS):
        # leaving it out could leave none, which means another way of paying
        raise InvalidTlv(f"it has a transport of an unknown kind, {number}")
    kind = _TRANSPORTS[number]
    if kind != _NOSTR:
        return {"t": kind, "a": _text(target), "g": tags}
    relays = tuple(relay for tag in tags if tag[0] == _RELAY for relay in tag[1:])
    others = [tag for tag in tags if tag[0] != _RELAY]
    return {"t": kind, "a": _named(write_profile, Profile(target, relays)), "g": others}


def _write_transport(transport: Mapping[str, Any]) -> bytes:
    kind, address, tags = transport["t"], transport["a"], transport.get("g", ())
    if kind not in _TRANSPORTS:
        raise InvalidTlv("this notation knows the transports nostr and post only")
    target: bytes = address.encode()
    if kind == _NOSTR:
        profile = _named(read_profile, address)
        target, tags = profile.key, [*tags, *((_RELAY, relay) for relay in profile.relays)]
    return _write_parts(_TRANSPORTS.index(kind), target, tags)


def _named(convert: Callable[[Any], Any], value: object) -> Any:  # noqa: ANN401 - as convert does
    try:
        return convert(value)
    except InvalidName as error:
        raise InvalidTlv(f"its Nostr address: {error}") from None


def _read_lock(data: bytes) -> Content:
    number, value, tags = _read_parts(data)
    # an unknown kind is kept as its number, and so is written again as it was
    kind = _LOCKS[number] if number < len(_LOCKS) else str(number)
    return {"k": kind, "d": _text(value), "t": tags}


def _write_lock(lock: Mapping[str, Any]) -> bytes:
    numbers = {str(number): number for number in range(len(_LOCKS), 1 << 8)}
    numbers |= {name: number for number, name in enumerate(_LOCKS)}
    if lock["k"] not in numbers:
        raise InvalidTlv("this notation has no number for the kind of its lock")
    return _write_parts(numbers[lock["k"]], lock["d"].encode(), lock.get("t", ()))


def _read_parts(data: bytes) -> tuple[int, bytes, Tags]:
    """Read what a transport and a lock have in common: kind, target or data, and tags."""
    kinds: list[bytes] = []
    targets: list[bytes] = []
    tags: Tags = []
    for part, value in _fields(data):
        match part:
            case 1:
                kinds.append(value)
            case 2:
                targets.append(value)
            case 3:
                tags.append(_read_tag(value))
            case _:
                pass  # the standard wants unknown ones left out
    if len(kinds) != 1 or len(kinds[0]) != 1 or len(targets) != 1:
        raise InvalidTlv("a transport or a lock does not say once what it is")
    return kinds[0][0], targets[0], tags


def _write_parts(kind: int, target: bytes, tags: Iterable[Iterable[str]]) -> bytes:
    written = [_field(_TAG, _write_tag(tag)) for tag in tags]
    return b"".join([_field(_KIND, bytes([kind])), _field(_TARGET, target), *written])


def _read_tag(data: bytes) -> list[str]:
    words: list[str] = []
    place = 0
    while place < len(data):
        end = place + 1 + data[place]
        if end > len(data):
            raise InvalidTlv("a tag is cut off")
        words.append(_text(data[place + 1 : end]))
        place = end
    if not words:
        raise InvalidTlv("a tag has no name")
    return words


def _write_tag(tag: Iterable[str]) -> bytes:
    words = [word.encode() for word in tag]
    try:
        return b"".join(bytes([len(word)]) + word for word in words)
    except ValueError:
        raise InvalidTlv("a word of a tag is longer than 255 bytes") from None


_FIELDS: Final[Mapping[int, _Field]] = {
    1: _Field("i", _text, str.encode),
    2: _Field("a", _read_amount, _write_amount),
    3: _Field("u", _read_unit, _write_unit),
    4: _Field("s", _read_flag, _write_flag),
    5: _Field("m", _text, str.encode, repeats=True),
    6: _Field("d", _text, str.encode),
    7: _Field("t", _read_transport, _write_transport, repeats=True),
    8: _Field("nut10", _read_lock, _write_lock),
}
