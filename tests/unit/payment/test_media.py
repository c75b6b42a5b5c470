import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.payment.media import (
    BYTES_PER_SECOND_LEAST,
    drawn,
    duration_told,
    heard,
    picture_tokens,
    seconds_at_most,
    seconds_heard,
    seconds_stamped,
    seconds_told,
    spoken,
)
from routstr.payment.usage import Media, Usage


def wav(channels: int, rate: int, bits: int) -> bytes:
    return b"".join(
        [
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0",
            channels.to_bytes(2, "little"),
            rate.to_bytes(4, "little"),
            b"\0" * 6,
            bits.to_bytes(2, "little"),
            b"data",
        ]
    )


@pytest.mark.parametrize(
    ("quality", "size", "published"),
    [
        ("low", "1024x1024", 272),
        ("low", "1024x1536", 408),
        ("medium", "1024x1024", 1_056),
        ("medium", "1536x1024", 1_568),
        ("high", "1024x1024", 4_160),
        ("high", "1024x1536", 6_240),
        ("", "", 6_240),
        ("auto", "auto", 6_240),
    ],
)
def test_no_picture_takes_more_tokens_than_its_bound(
    quality: str, size: str, published: int
) -> None:
    assert published <= picture_tokens(quality, size) <= published * 5 // 4 + 64
    assert picture_tokens(quality, size, 3) == picture_tokens(quality, size) + 300


def test_a_wav_says_how_long_it_sounds_and_nothing_else_is_believed() -> None:
    head = wav(1, 16_000, 16)
    assert seconds_at_most(320_000, head) == 10
    assert seconds_at_most(320_001, head) == 11
    assert seconds_at_most(7_500, wav(0, 16_000, 16)) == 10
    assert seconds_at_most(7_500, b"OggS") == 10
    compressed = head.replace(b"\x10\0\0\0\x01\0", b"\x10\0\0\0\x55\0")
    assert seconds_at_most(7_500, compressed) == 10


@given(st.integers(1, 10**8), st.integers(0, 10**6))
def test_an_estimate_lies_inside_the_bound(size: int, characters: int) -> None:
    most = -(-size // BYTES_PER_SECOND_LEAST)
    assert 1 <= seconds_heard(size, characters, most) <= most


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (9, 9),
        (9.0, 9),
        (8.01, 9),
        ("8.470000267028809", 9),
        ("8.000", 8),
        (0, 0),
        (-1, None),
        (True, None),
        (None, None),
        ("long", None),
        ("1e9", None),
        (10**12, None),
        (float("nan"), None),
        ([9], None),
    ],
)
def test_a_duration_is_read_and_rounded_up(said: object, seconds: int | None) -> None:
    assert seconds_told(said) == seconds
    assert duration_told({"seconds": said}, None) == seconds
    assert duration_told(None, said) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"1\n00:00:00,000 --> 00:00:08,200\nHello\n", 9),
        (b"WEBVTT\n\n00:01.000 --> 01:02.000\nA\n\n01:02.000 --> 01:03:04.000 line:0\nB", 3_784),
        (b"Hello --> there", None),
        (b"", None),
    ],
)
def test_subtitles_end_where_their_last_line_ends(text: bytes, seconds: int | None) -> None:
    assert seconds_stamped(text) == seconds


def test_a_report_is_of_what_the_endpoint_makes() -> None:
    assert drawn(Usage(10, 7, media=Media(image_input=4))).media == Media(
        image_input=4, image_output=7
    )
    assert heard(Usage(10, 7)).media == Media(audio_input=10)
    assert heard(Usage(10, 7, media=Media(audio_input=8))).media == Media(audio_input=8)
    assert spoken(Usage(10, 7)).media == Media(audio_output=7)
