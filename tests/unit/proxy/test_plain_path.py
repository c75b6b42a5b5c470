import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import InvalidPath
from routstr.proxy.plain_path import PATH_CHARS_MAX, plain_segments


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/v1/files", ("files",)),
        (b"/files/", ("files",)),
        (b"/v1/files/file-a_B.1~2?after=%2F..", ("files", "file-a_B.1~2")),
        (b"/v1/a/v1/b", ("a", "v1", "b")),
        (b"/v1/a:b,c;d=e@f", ("a:b,c;d=e@f",)),
    ],
)
def test_a_plain_path_is_cut(path: bytes, segments: tuple[str, ...]) -> None:
    assert plain_segments(path) == segments


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"files",
        b"/v1/files/../admin",
        b"/v1/files/./x",
        b"/v1/files/..",
        b"/v1//files",
        b"/v1/files//x",
        b"/v1/files/%2e%2e/admin",
        b"/v1/files/%2E./admin",
        b"/v1/files/a%2fb",
        b"/v1/files/a%2Fb",
        b"/v1/files/a%5cb",
        b"/v1/files/a\\b",
        b"/v1/files/%252e%252e/admin",
        b"/v1/files/a%252fb",
        b"/v1/files/%66",
        b"/v1/files/a%00",
        b"/v1/files/a\x00",
        b"/v1/files/a b",
        b"/v1/files/a\r\nX: y",
        "/v1/files/ä".encode(),
        b"/v1/files/%c0%ae%c0%ae/",
        b"/v1/files/a#b",
        b"http://elsewhere/v1/files",
        b"/v1/" + b"a" * PATH_CHARS_MAX,
    ],
)
def test_any_other_path_is_refused(path: bytes) -> None:
    with pytest.raises(InvalidPath):
        plain_segments(path)


@given(st.binary(max_size=40))
def test_what_is_accepted_has_one_reading(path: bytes) -> None:
    try:
        segments = plain_segments(b"/" + path)
    except InvalidPath:
        return
    again = plain_segments(b"/v1/" + "/".join(segments).encode())
    assert again == segments
    assert not any(part in {"", ".", ".."} or "%" in part or "\\" in part for part in segments)
