import io

from scripts.check.display import Display
from scripts.check.results import Result, Verdict


def test_a_log_tells_the_beginning_the_end_and_the_output() -> None:
    out = io.StringIO()
    display = Display(out, live=False)

    display.begin("types")
    display.end(Result("types", Verdict.FAILED, 12.34), "an error\nand another")

    assert out.getvalue().splitlines() == [
        "          types ...",
        "  FAILED  types                    12.3 s",
        "    an error",
        "    and another",
    ]


def test_a_log_is_not_flooded_while_steps_are_running() -> None:
    out = io.StringIO()
    display = Display(out, live=False)

    for _ in range(100):
        display.tick([("unit", 1.0)])

    assert out.getvalue() == ""


def test_a_terminal_shows_what_is_running_and_how_long() -> None:
    out = io.StringIO()
    display = Display(out, live=True)
    display.refresh_s = 0.0

    display.tick([("types", 2.0), ("unit", 31.0)])
    display.tell("the end")

    assert "types 2 s, unit 31 s" in out.getvalue()
    assert out.getvalue().endswith("\r\033[Kthe end\n")
