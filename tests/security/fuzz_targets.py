"""The parsers that read what outsiders write, each with good inputs."""

import base64
from typing import Final

import cbor2

from routstr.wallet import bech32, payment_request, payment_request_tlv, token
from tests.security import fuzz_http, fuzzing
from tests.security.fuzzing import Target, json_bytes
from tests.unit.proxy.test_multipart import FORM
from tests.unit.wallet.invoices import invoice
from tests.unit.wallet.test_nostr_names import NPUB
from tests.unit.wallet.test_payment_request import USUAL
from tests.unit.wallet.test_token import TOKEN

_AS_A: Final = token.encode_a(TOKEN)
_AS_B: Final = token.encode_b(TOKEN)
_TLV: Final = payment_request_tlv.write(
    {"i": "id", "a": 9, "u": "sat", "s": True, "m": ["https://mint.example"], "d": "for you"}
)
_INVOICES: Final = [invoice(2_000_000), invoice(None), invoice(1, expiry=None)]
_LNBC: Final = (b"lnbc", b"lntb", b"20m", b"2500u", b"1p", b"|")
_USAGES: Final = [
    {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
    {
        "prompt_tokens": 12,
        "completion_tokens": 6,
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2, "image_tokens": 1},
        "cost": 0.0012,
        "cost_details": {"upstream_inference_cost": "0.001"},
    },
    {"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 3},
    {"input_tokens": 9, "output_tokens": 2, "input_token_details": {"cached_tokens": 3}},
]
_CHATS: Final = [
    {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5},
    {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
        "stream": True,
        "stream_options": {"include_usage": False},
        "max_completion_tokens": 10,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    },
]
_WORDS_OF_STREAMS: Final = (
    b"data: ", b"data:", b"event: ", b"\n\n", b"\r\n\r\n", b"\r\r", b": comment\n", b"[DONE]",
    b'"usage":null', b'"error":{"message":"no"}', b"\xef\xbb\xbf", b'"usage":{"prompt_tokens":-1}',
)  # fmt: skip

_HOST: Final = b" HTTP/1.1\r\nHost: node\r\n"
_NEXT: Final = b"GET /b?c=d" + _HOST + b"\r\n"
_HTTP: Final = [
    b"GET /a" + _HOST + b"\r\n" + _NEXT,
    b"POST /a" + _HOST + b"Content-Length: 5\r\nX: y\r\n\r\nhello" + _NEXT,
    b"POST /a" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n" + _NEXT,
    b"POST /a" + _HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 5\r\n\r\nhello" + _NEXT,
]  # fmt: skip
_WORDS_OF_HTTP: Final = (
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n", b"Host: other\r\n", b"HTTP/1.0",
    b"\r\n\r\n", b" ", b"\t", b":", b"0\r\n\r\n", b"Expect: 100-continue\r\n", b"CONNECT",
)  # fmt: skip


def _events(*bodies: object, names: bool = False) -> bytes:
    said = b""
    for body in bodies:
        name = body["type"].encode() if names and isinstance(body, dict) else b""
        said += (
            (b"event: " + name + b"\n" if name else b"") + b"data: " + json_bytes(body) + b"\n\n"
        )
    return said


_STREAMS: Final = [
    _events(
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "H\u00e9llo"}}]},
        {"id": "c", "choices": [], "usage": _USAGES[0]},
    )
    + b"data: [DONE]\n\n",
    _events(
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {"type": "response.output_text.delta", "delta": "Hi"},
        {
            "type": "response.completed",
            "response": {"id": "r", "status": "completed", "usage": _USAGES[3]},
        },
        names=True,
    ),
    _events(
        {"type": "message_start", "message": {"id": "m", "usage": _USAGES[2]}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
        names=True,
    ).replace(b"\n", b"\r\n"),
]


def targets() -> dict[str, Target]:
    """By name."""
    return {
        "token": Target(
            fuzzing._token_text, [_AS_A.encode(), _AS_B.encode()], [b"cashuA", b"cashuB", b"cashu:"]
        ),
        "token-json": Target(
            fuzzing._token_inside("cashuA"), [base64.urlsafe_b64decode(_AS_A[6:] + "==")]
        ),
        "token-cbor": Target(
            fuzzing._token_inside("cashuB"), [base64.urlsafe_b64decode(_AS_B[6:] + "==")]
        ),
        "token-raw": Target(fuzzing._token_raw, [token.encode_raw(TOKEN)], [b"crawB"]),
        "payment-request": Target(
            fuzzing._request_text,
            [payment_request.encode_a(USUAL).encode(), payment_request.encode_b(USUAL).encode()],
            [b"creqA", b"CREQB1"],
        ),
        "payment-request-cbor": Target(
            fuzzing._request_cbor,
            [
                cbor2.dumps({"a": 9, "u": "sat", "m": ["https://mint.example"], "s": True}),
                cbor2.dumps({"t": [{"t": "nostr", "a": NPUB, "g": [["n", "17"]]}], "d": "x"}),
            ],
        ),
        "payment-request-tlv": Target(fuzzing._request_tlv, [_TLV, _TLV + _TLV]),
        "invoice": Target(fuzzing._invoice_text, [one.encode() for one in _INVOICES], _LNBC),
        "invoice-words": Target(
            fuzzing._invoice_words, [_as_words(one) for one in _INVOICES], _LNBC
        ),
        "usage": Target(fuzzing._usage, [json_bytes(one) for one in _USAGES]),
        "request": Target(fuzzing._paid_request, [json_bytes(one) for one in _CHATS]),
        "http": Target(fuzz_http.read, _HTTP, _WORDS_OF_HTTP),
        "form": Target(fuzzing._form, [FORM], [b"--xYz", b"\r\n\r\n", b'name="', b"filename="]),
        **{
            f"stream{endpoint.replace('/', '-')}": Target(read, _STREAMS, _WORDS_OF_STREAMS)
            for endpoint, read in fuzzing.streams().items()
        },
    }


def _as_words(text: str) -> bytes:
    prefix, words = bech32.decode_words(text, bech32.Variant.BECH32)
    return prefix.encode() + b"|" + bytes(words)
