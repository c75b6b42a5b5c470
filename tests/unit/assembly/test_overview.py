import pytest

from routstr.assembly.overview import worded
from routstr.node.conditions import CONDITIONS
from routstr.payment.alert_store import Alert
from routstr.theme.texts import LANGUAGES, words

EVENTS = {"provider_key_refused", "database_older_than_mint", "ecash_lost"}


@pytest.mark.parametrize("name", sorted(CONDITIONS | EVENTS))
def test_every_alert_says_what_to_do_in_every_language(name: str) -> None:
    for language in LANGUAGES:
        t = words(language)
        assert t.knows(f"alerts.{name}")
        assert t.knows(f"alerts.{name}_do")
    wording = worded(Alert(name, "https://<a>", {}, 1, None, None))
    assert wording.title
    assert "&" not in wording.title + wording.advice, "it is no page"


def test_an_unknown_alert_and_an_end_have_words_too() -> None:
    assert "novelty" in worded(Alert("novelty", "", {}, 1, None, None)).title
    assert worded(Alert("disk_low", "/x", {}, 1, 2, 1)).title.startswith("Over: ")
