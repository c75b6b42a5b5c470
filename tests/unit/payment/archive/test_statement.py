"""What is signed of an archive is said in whole, or it is no statement."""

import msgspec
import pytest

from routstr.payment.archive import statement as statements
from routstr.payment.archive.statement import ARCHIVE, Facts
from routstr.payment.signing import BadStatement, SigningKey

KEY = SigningKey.derived(b"k" * 32)
FACTS = Facts(1, 10, 2, "aa", 5, 500, 6, "bb", "cc", "dd", "", 1_700_000_000_000)


def test_what_was_signed_is_read() -> None:
    made = statements.make(FACTS, KEY)
    assert "\n" not in made
    assert statements.read(made, pubkey=KEY.pubkey) == FACTS
    assert statements.signer_of(made) == KEY.pubkey
    assert statements.digest(made) != statements.digest(f"{made} ")


def test_another_word_breaks_the_signature() -> None:
    made = statements.make(FACTS, KEY)
    with pytest.raises(BadStatement, match="signature"):
        statements.read(made.replace('"removed":5', '"removed":6'))
    with pytest.raises(BadStatement, match="signed by"):
        statements.read(made, pubkey="00" * 32)


def test_a_statement_of_another_kind_or_version_is_none() -> None:
    told = msgspec.structs.asdict(FACTS)
    for facts, why in (
        ({**told, "type": "routstr-seal", "version": 1}, "no routstr-archive"),
        ({**told, "type": ARCHIVE, "version": 2}, "version"),
        ({"type": ARCHIVE, "version": 1}, "does not say all"),
        ({**told, "type": ARCHIVE, "version": 1, "removed": "5"}, "does not say all"),
    ):
        with pytest.raises(BadStatement, match=why):
            statements.read(msgspec.json.encode(KEY.sign(facts)).decode())
