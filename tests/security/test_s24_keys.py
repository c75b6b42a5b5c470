"""S24: keys that are unknown, malformed, rotated or revoked take the same way to the same words.

Not timed: counted, which is the same on any machine. A difference in time that an outsider could
measure would be work that is done for one kind and not for another.
"""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

import routstr
from routstr.auth.terms import NO_TERMS
from routstr.errors import AuthError
from tests.unit.auth.keyring import Keyring, keyring

OWN: Final = str(Path(routstr.__file__).parent)
WARM: Final = "sk-" + "f" * 64


async def way_of(ring: Keyring, key: str) -> tuple[Counter[str], str]:
    """Which functions of the node are called how often, and what is told."""
    called: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OWN):
            called[frame.f_code.co_qualname] += 1

    sys.setprofile(note)
    try:
        await ring.auth.payer(f"Bearer {key}")
    except AuthError as error:
        return called, f"{error.http_status} {error.type} {error.code} {error.message}"
    finally:
        sys.setprofile(None)
    pytest.fail(f"{key} is somebody's")


async def test_s24_wrong_keys_take_the_same_way_to_the_same_answer(tmp_path: Path) -> None:
    async with keyring(tmp_path) as ring:
        owner = await ring.key(8)
        [child] = await ring.children.create(owner, 1, NO_TERMS)
        await ring.payer(child)
        await ring.children.revoke(owner, child)
        ring.auth.forget(f"Bearer {child}")
        await ring.profiles.rotate(owner.key)
        await way_of(ring, WARM)
        wrong = {
            "unknown": "sk-" + "0" * 64,
            "rotated": owner.key,
            "revoked": child,
            "one digit off": owner.key[:-1] + ("0" if owner.key[-1] != "0" else "1"),
            "another case": owner.key.upper(),
            "too short": "sk-",
            "no key at all": "password",
            "long": "sk-" + "a" * 9_000,
            "not ASCII": "sk-\xe4\xff",
        }
        ways = {name: await way_of(ring, key) for name, key in wrong.items()}
        way, told = ways["unknown"]
        assert told.startswith("401 ")
        assert way["Authenticator.validate_api_key"]
        assert {name: one for name, one in ways.items() if one != (way, told)} == {}
