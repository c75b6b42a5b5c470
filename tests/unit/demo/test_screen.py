from io import BytesIO, StringIO, TextIOWrapper
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from demo.screen import Screen

TEXT = "Electronic cash is money that moves like a message, and a model answers for it."


def said(pieces: list[str], width: int = 40) -> str:
    out = StringIO()
    quote = Screen(out, width=width).quote()
    for piece in pieces:
        quote.write(piece)
    quote.end()
    return out.getvalue()


def test_an_answer_is_broken_between_words_and_marked_at_its_left() -> None:
    lines = said([TEXT]).splitlines()
    assert len(lines) > 2
    assert all(line.startswith("   | ") and len(line) <= 40 for line in lines)
    assert " ".join(line.removeprefix("   | ") for line in lines) == TEXT


@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=20))
def test_pieces_of_a_stream_look_like_the_whole(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[a:b] for a, b in pairwise(borders)]
    assert said(pieces) == said([TEXT])


def test_a_word_is_shown_as_soon_as_it_is_whole() -> None:
    out = StringIO()
    quote = Screen(out).quote()
    quote.write("one two")
    assert out.getvalue() == "   | one"


def test_markup_in_an_answer_is_text() -> None:
    assert "[bold]" in said(["not [bold] at all"])


def test_without_a_terminal_every_line_is_plain_ascii() -> None:
    out = BytesIO()
    screen = Screen(TextIOWrapper(out, encoding="ascii", write_through=True))
    screen.title("Title", "subtitle")
    screen.step("Step")
    screen.note("note")
    screen.fact("label", "value")
    screen.check("holds")
    with screen.waiting("waiting"):
        screen.block("a\nb")
    screen.fail("reason [x]")
    text = out.getvalue().decode("ascii")
    assert "\x1b" not in text
    assert "   ok holds\n" in text
    assert "   label        value\n" in text
    assert "reason [x]" in text


def test_letters_beyond_the_terminals_are_replaced_and_not_fatal() -> None:
    out = BytesIO()
    screen = Screen(TextIOWrapper(out, encoding="ascii", write_through=True))
    quote = screen.quote()
    quote.write("caf\u00e9 \U0001f600 ")
    quote.end()
    assert b"caf?" in out.getvalue()


def test_a_line_to_copy_is_never_broken() -> None:
    out = StringIO()
    Screen(out, width=40).command("curl " + "x" * 200)
    assert out.getvalue() == "curl " + "x" * 200 + "\n"
