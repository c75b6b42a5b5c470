from routstr.admin.nostr.desk import Shown
from routstr.admin.nostr.schemas import NostrAnswer, NsecChange
from routstr.core.secret import Secret


def test_a_node_without_a_key_has_nothing_announced() -> None:
    shown = Shown("", False, False, "no_key", None, None, ())
    assert NostrAnswer.of(shown).model_dump() == {
        "npub": "",
        "nsec_locked": False,
        "state": "no_key",
        "announcement": None,
        "looked_at": None,
        "relays": [],
    }


def test_a_key_does_not_print() -> None:
    assert "nsec1x" not in repr(NsecChange(nsec=Secret("nsec1x")))
