from io import StringIO

import pytest

from routstr.assembly.access import tell_of_setup
from routstr.core.settings import Settings

PATH = "/admin/setup?code=x"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("node.example", "node.example"),
    ],
)
def test_the_link_is_one_that_a_browser_on_this_machine_can_open(host: str, shown: str) -> None:
    out = StringIO()
    tell_of_setup(PATH, Settings(), host, 8000, out)
    assert f"    http://{shown}:8000{PATH}\n" in out.getvalue()


def test_a_public_address_is_offered_as_well() -> None:
    out = StringIO()
    tell_of_setup(PATH, Settings(http_url="https://node.example"), "127.0.0.1", 8000, out)
    assert f"    https://node.example{PATH}\n" in out.getvalue()
