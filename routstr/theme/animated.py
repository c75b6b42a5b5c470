"""Long tokens as a series of QR codes that wallets read from one screen (NUT-16, BCR-2020-005).

A text becomes a CBOR byte string, that is cut into fragments of one size, the last one filled up
with zeros. A part of the series is ``ur:bytes/<number>-<count>/<body>``; its body is the CBOR array
``[number, count, bytes of the whole, CRC-32 of the whole, fragment]`` in minimal bytewords
(BCR-2020-012): two letters a byte, a CRC-32 behind. Readers mix parts as they come, so a series
that begins anew gives a second chance to each part that was missed. Everything is in small letters:
some wallets know no others.
"""

from typing import Final
from zlib import crc32

import cbor2

FRAGMENT_BYTES: Final = 100
"""As much in one code can be read from a screen at arm's length."""
FRAGMENT_BYTES_MAX: Final = 200
PARTS_MAX: Final = 40
"""Of more parts, larger ones are made: a series should not take longer than some seconds."""
SINGLE_CHARS_MAX: Final = 600
"""A shorter text is one code that does not move."""
_LETTERS: Final = (
    "aeadaoaxaaahamatayasbkbdbnbtbabsbebybgbwbbbzcmchcscfcycwcecackctcxclcpcndkdadsdidedtdrdn"
    "dwdpdmdldyeheyeoeeecenemetesftfrfnfsfmfhfzfpfwfxfyfefgflfdgagegrgsgtglgwgdgygmgughgohfhg"
    "hdhkhthphhhlhyhehnhsidiaieihiyioisinimjejzjnjtjljojsjpjkjykpkoktkskkknkgkekikblblalylfls"
    "lrlplnltloldlelulklgmnmymhmemomumwmdmtmsmknlnyndnsntnnnenboyoeotoxonolospdptpkpypspmplpe"
    "pfpaprqdqzrerprlrorhrdrkrfryrnrsrtsesasrssskswstspsosgsbsfsntotktitttdtetytltbtstptatnuy"
    "uoutueurvtvyvovlvevwvavdvswlwdwmwpwewywswtwnwzwfwkykynylyaytzszoztzczezm"
)
"""First and last letter of each of the 256 words, in their order."""
_CRC_BYTES: Final = 4


def bytewords(data: bytes) -> str:
    """Write bytes, and their checksum behind them, as minimal bytewords."""
    checked = data + crc32(data).to_bytes(_CRC_BYTES, "big")
    return "".join(_LETTERS[2 * byte : 2 * byte + 2] for byte in checked)


def parts(message: bytes, fragment_bytes: int) -> list[str]:
    """Cut a message into parts of at most so many bytes each; one that fits is a single part."""
    count = -(-len(message) // fragment_bytes)
    if count <= 1:
        return [f"ur:bytes/{bytewords(message)}"]
    size = -(-len(message) // count)
    checksum, padded = crc32(message), message.ljust(count * size, b"\0")
    found = []
    for number in range(1, count + 1):
        fragment = padded[(number - 1) * size : number * size]
        body = cbor2.dumps([number, count, len(message), checksum, fragment])
        found.append(f"ur:bytes/{number}-{count}/{bytewords(body)}")
    return found


def frames(text: str) -> list[str]:
    """Say what the codes of a text read, one after the other: the text itself while it is short."""
    if len(text) <= SINGLE_CHARS_MAX:
        return [text]
    message = cbor2.dumps(text.encode())
    wanted = -(-len(message) // PARTS_MAX)
    return parts(message, min(max(FRAGMENT_BYTES, wanted), FRAGMENT_BYTES_MAX))
