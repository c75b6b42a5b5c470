import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import InvalidParameter, UnsupportedBody
from routstr.proxy.multipart import FIELD_BYTES_MAX, PARTS_MAX, Field, File, Reader, boundary_of

BOUNDARY = b"xYz"


def part(head: str, value: bytes) -> bytes:
    return (
        b"--xYz\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + value + b"\r\n"
    )


def read(raw: bytes, cuts: list[int] | None = None) -> tuple[list[Field | File], bytes]:
    reader, spooled, start = Reader(BOUNDARY), b"", 0
    for cut in [*sorted(cuts or []), len(raw)]:
        spooled += reader.feed(raw[start:cut])
        start = max(start, cut)
    reader.end()
    return reader.parts, spooled


FORM = (
    part('name="model"', b"whisper")
    + part('name="file"; filename="a.wav"\r\nContent-Type: audio/wav', b"\r\n--xY\r\n-- sound")
    + part('name="empty"', b"")
    + part('filename="b c.png"; name="image[]"', b"")
    + b"--xYz--\r\nepilogue"
)
PARTS = [
    Field("model", b"whisper"),
    File("file", b"a.wav", b"audio/wav", 0, 16),
    Field("empty", b""),
    File("image[]", b"b c.png", b"application/octet-stream", 16, 16),
]


@given(st.lists(st.integers(0, len(FORM)), max_size=12))
def test_what_is_read_does_not_depend_on_how_it_was_cut(cuts: list[int]) -> None:
    assert read(FORM, cuts) == (PARTS, b"\r\n--xY\r\n-- sound")


def test_single_bytes_are_read_too() -> None:
    assert read(FORM, list(range(len(FORM)))) == (PARTS, b"\r\n--xY\r\n-- sound")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"--xYz",
        b"--xYz\r\n",
        b"nonsense",
        b"before--xYz--\r\n",
        FORM[:-20],
        part('name="a"', b"1"),
        part("", b"1") + b"--xYz--",
        part('name="a"; name="b"', b"1") + b"--xYz--",
        part('name="a"; filename="b"; filename="c"', b"1") + b"--xYz--",
        part('name="a"; filename=b', b"1") + b"--xYz--",
        part('name="a"\r\nContent-Disposition: form-data; name="b"', b"1") + b"--xYz--",
        b"--xYz\r\nno colon\r\n\r\n1\r\n--xYz--",
        b"--xYz\r\n" + b"X: " + b"y" * 5_000 + b"\r\n\r\n1\r\n--xYz--",
        part('name="a"', b"1" * (FIELD_BYTES_MAX + 1)) + b"--xYz--",
        part('name="a"', b"1") * (PARTS_MAX + 1) + b"--xYz--",
        part('name="\xff"', b"1").replace("\xff".encode(), b"\xff") + b"--xYz--",
        b"--xYzz\r\n\r\n--xYz--",
    ],
)
def test_a_form_that_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidParameter):
        read(raw)


def test_a_name_beyond_ascii_is_read_and_made_plain() -> None:
    raw = part("name=\"file\"; filename*=UTF-8''%C3%A4%0D%0A%22.wav", b"1") + b"--xYz--"
    (file,), _ = read(raw)
    assert isinstance(file, File)
    assert file.filename == "ä___.wav".encode()


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
    ],
)
def test_the_boundary_is_announced(kind: bytes, boundary: bytes) -> None:
    assert boundary_of(kind) == boundary


@pytest.mark.parametrize(
    "kind", [b"", b"application/json", b"multipart/form-data", b"multipart/mixed; boundary=a"]
)
def test_without_a_boundary_nothing_is_read(kind: bytes) -> None:
    with pytest.raises(UnsupportedBody):
        boundary_of(kind)
