import re

from routstr.theme.qr import QR_CHARS_MAX, qr_svg


def test_a_code_is_a_picture_without_style_that_a_policy_would_refuse() -> None:
    drawn = str(qr_svg("lnbc20m1pvjluez", "Invoice <1>"))
    assert drawn.startswith("<svg ")
    assert "<title>Invoice &lt;1&gt;</title>" in drawn
    assert "style=" not in drawn


def test_the_same_text_is_the_same_code_and_another_is_another() -> None:
    assert qr_svg("a") == qr_svg("a")
    assert qr_svg("a") != qr_svg("b")


def test_more_text_makes_a_larger_code_until_none_can_hold_it() -> None:
    sizes = [
        int(found[1])
        for size in (10, 500, QR_CHARS_MAX)
        if (found := re.search(r'viewBox="0 0 (\d+) ', str(qr_svg("x" * size))))
    ]
    assert len(sizes) == 3
    assert sizes == sorted(sizes)
    assert qr_svg("x" * (QR_CHARS_MAX + 1)) == ""
