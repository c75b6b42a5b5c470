"""Against the vectors of the reference implementation (bc-ur), which BCR-2020-005 names."""

from zlib import crc32

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.theme.animated import PARTS_MAX, SINGLE_CHARS_MAX, bytewords, frames, parts
from routstr.theme.qr import qr_svg

SHORT = bytes.fromhex(
    "5832916ec65cf77cadf55cd7f9cda1a1030026ddd42e905b77adc36e4f2d3ccba44f7f04f2de44f42d84c374a0"
    "e149136f25b018"
)
SHORT_UR = (
    "ur:bytes/hdeymejtswhhylkepmykhhtsytsnoyoyaxaedsuttydmmhhpktpmsrjtgwdpfnsboxgwlbaawzuefywkdplr"
    "srjynbvygabwjldapfcsdwkbrkch"
)
LONG = bytes.fromhex(
    "590100916ec65cf77cadf55cd7f9cda1a1030026ddd42e905b77adc36e4f2d3ccba44f7f04f2de44f42d84c374"
    "a0e149136f25b01852545961d55f7f7a8cde6d0e2ec43f3b2dcb644a2209e8c9e34af5c4747984a5e873c9cf5f"
    "965e25ee29039fdf8ca74f1c769fc07eb7ebaec46e0695aea6cbd60b3ec4bbff1b9ffe8a9e7240129377b9d371"
    "1ed38d412fbb4442256f1e6f595e0fc57fed451fb0a0101fb76b1fb1e1b88cfdfdaa946294a47de8fff173f021"
    "c0e6f65b05c0a494e50791270a0050a73ae69b6725505a2ec8a5791457c9876dd34aadd192a53aa0dc66b556c0"
    "c215c7ceb8248b717c22951e65305b56a3706e3e86eb01c803bbf915d80edcd64d4d"
)
LONG_UR = [
    "1-9/lpadascfadaxcywenbpljkhdcahkadaemejtswhhylkepmykhhtsytsnoyoyaxaedsuttydmmhhpktpmsrjtdkgslpgh",
    "2-9/lpaoascfadaxcywenbpljkhdcagwdpfnsboxgwlbaawzuefywkdplrsrjynbvygabwjldapfcsgmghhkhstlrdcxaefz",
    "3-9/lpaxascfadaxcywenbpljkhdcahelbknlkuejnbadmssfhfrdpsbiegecpasvssovlgeykssjykklronvsjksopdzmol",
    "4-9/lpaaascfadaxcywenbpljkhdcasotkhemthydawydtaxneurlkosgwcekonertkbrlwmplssjtammdplolsbrdzcrtas",
    "5-9/lpahascfadaxcywenbpljkhdcatbbdfmssrkzmcwnezelennjpfzbgmuktrhtejscktelgfpdlrkfyfwdajldejokbwf",
    "6-9/lpamascfadaxcywenbpljkhdcackjlhkhybssklbwefectpfnbbectrljectpavyrolkzczcpkmwidmwoxkilghdsowp",
    "7-9/lpatascfadaxcywenbpljkhdcavszmwnjkwtclrtvaynhpahrtoxmwvwatmedibkaegdosftvandiodagdhthtrlnnhy",
    "8-9/lpayascfadaxcywenbpljkhdcadmsponkkbbhgsoltjntegepmttmoonftnbuoiyrehfrtsabzsttorodklubbuyaetk",
    "9-9/lpasascfadaxcywenbpljkhdcajskecpmdckihdyhphfotjojtfmlnwmadspaxrkytbztpbauotbgtgtaeaevtgavtny",
]
LETTERS = {bytewords(bytes([byte]))[:2]: byte for byte in range(256)}


def test_one_part_is_written_as_the_reference_does() -> None:
    assert parts(SHORT, 200) == [SHORT_UR]


def test_a_series_is_written_as_the_reference_does() -> None:
    assert parts(LONG, 30) == [f"ur:bytes/{part}" for part in LONG_UR]


def test_a_short_text_is_one_code_that_does_not_move() -> None:
    assert frames("c" * SINGLE_CHARS_MAX) == ["c" * SINGLE_CHARS_MAX]


def read(series: list[str]) -> str:
    """What a wallet makes of a series."""
    whole: dict[int, bytes] = {}
    count = size = checksum = 0
    for part in series:
        body = part.rsplit("/", 1)[1]
        raw = bytes(LETTERS[body[place : place + 2]] for place in range(0, len(body), 2))
        assert crc32(raw[:-4]) == int.from_bytes(raw[-4:], "big")
        number, count, size, checksum, fragment = cbor2.loads(raw[:-4])
        assert part.startswith(f"ur:bytes/{number}-{count}/")
        whole[number] = fragment
    message = b"".join(whole[number] for number in sorted(whole))[:size]
    assert (len(whole), crc32(message)) == (count, checksum)
    text = cbor2.loads(message)
    assert isinstance(text, bytes)
    return text.decode()


@given(st.integers(SINGLE_CHARS_MAX + 1, 8_000))
@settings(max_examples=25)
def test_a_wallet_reads_what_was_written(chars: int) -> None:
    text = "".join("cashuBZ-_"[place * place % 9] for place in range(chars))
    series = frames(text)
    assert read(series) == text
    assert len(series) <= PARTS_MAX + 1


def test_each_code_of_the_longest_token_can_be_drawn() -> None:
    assert all(qr_svg(frame) for frame in frames("c" * 8_000)[:2])
