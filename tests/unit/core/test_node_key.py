import hashlib
import hmac
import pickle
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.node_key import NodeKey, NodeKeyError, SealBroken, load_node_key
from routstr.core.settings import Settings

KEY = NodeKey(bytes(range(32)))
OTHER = NodeKey(bytes(32))


def settings(file: Path, key: str = "") -> Settings:
    return Settings(routstr_secret_key_file=file, routstr_secret_key=key)


def test_subkeys_are_hkdf_sha256_of_the_purpose() -> None:
    expected = HKDF(SHA256(), 32, salt=None, info=b"routstr/v1/api keys").derive(bytes(range(32)))

    assert KEY.derive("api keys") == expected
    assert KEY.derive("api keys") == expected, "and stay the same when asked again"
    assert KEY.derive("proofs") != expected
    assert OTHER.derive("api keys") != expected


def test_a_mac_is_hmac_sha256_over_length_prefixed_parts() -> None:
    message = (3).to_bytes(8, "big") + b"abc" + (0).to_bytes(8, "big")

    assert KEY.mac("p", b"abc", b"") == hmac.digest(KEY.derive("p"), message, hashlib.sha256)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_different_lists_of_parts_have_different_macs(a: list[bytes], b: list[bytes]) -> None:
    assert (KEY.mac("p", *a) == KEY.mac("p", *b)) == (a == b)


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_again(clear: bytes) -> None:
    sealed = KEY.seal("proofs", clear)

    assert KEY.open("proofs", sealed) == clear
    assert len(sealed) == 12 + len(clear) + 16


def test_sealing_twice_gives_different_bytes() -> None:
    assert KEY.seal("p", b"x") != KEY.seal("p", b"x")


def test_a_seal_does_not_open_for_another_key_or_purpose() -> None:
    sealed = KEY.seal("proofs", b"clear")

    for key, purpose in [(OTHER, "proofs"), (KEY, "tokens")]:
        with pytest.raises(SealBroken, match=purpose):
            key.open(purpose, sealed)


@given(st.data())
def test_a_changed_or_cut_seal_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal("p", b"clear"))
    index = data.draw(st.integers(0, len(sealed) - 1))
    if data.draw(st.booleans()):
        sealed[index] ^= data.draw(st.integers(1, 255))
    else:
        del sealed[index:]

    with pytest.raises(SealBroken):
        KEY.open("p", bytes(sealed))


def test_the_fingerprint_tells_keys_apart_and_reveals_neither() -> None:
    assert re.fullmatch("[0-9a-f]{32}", KEY.fingerprint())
    assert KEY.fingerprint() == NodeKey(bytes(range(32))).fingerprint()
    assert KEY.fingerprint() != OTHER.fingerprint()
    assert KEY.fingerprint() not in bytes(range(32)).hex()


def test_the_key_is_not_shown_and_not_pickled() -> None:
    assert bytes(range(32)).hex()[:8] not in repr(KEY)
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(NodeKeyError, match="31 bytes"):
        NodeKey(bytes(31))


def test_the_first_start_makes_a_file_that_only_the_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "node.key"
    key = load_node_key(settings(path))

    assert key.path == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert re.fullmatch("[0-9a-f]{64}\n", path.read_text())
    assert NodeKey(bytes.fromhex(path.read_text())).fingerprint() == key.fingerprint()
    assert [file.name for file in path.parent.iterdir()] == ["node.key"], "no draft is left"


def test_later_starts_read_the_same_key(tmp_path: Path) -> None:
    first = load_node_key(settings(tmp_path / "key"))
    again = load_node_key(settings(tmp_path / "key"))

    assert again.fingerprint() == first.fingerprint()


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_node_key(settings(tmp_path / "key")), range(16)))

    assert len({key.fingerprint() for key in keys}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_the_environment_wins_over_the_file_and_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_node_key(settings(path, bytes(range(32)).hex()))

    assert key.fingerprint() == KEY.fingerprint()
    assert key.path is None
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o666])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    load_node_key(settings(path))
    path.chmod(mode)

    with pytest.raises(NodeKeyError, match=f"chmod 600 {path}"):
        load_node_key(settings(path))


def test_a_file_that_a_service_group_may_read_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_node_key(settings(path))
    path.chmod(0o440)

    assert load_node_key(settings(path)).path == path


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31, "ab" * 33, "\xff" * 64])
def test_a_broken_file_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(NodeKeyError, match="64 hexadecimal digits") as caught:
        load_node_key(settings(path))

    assert path.read_text() == content
    assert not content or content not in str(caught.value)


def test_a_folder_that_cannot_hold_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NodeKeyError, match="ROUTSTR_SECRET_KEY_FILE"):
        load_node_key(settings(tmp_path / "file" / "key"))
