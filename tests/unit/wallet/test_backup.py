"""The wallet in one encrypted file."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.wallet.backup import (
    COST_MAX,
    Backup,
    BackupError,
    KeptKeyset,
    KeptProof,
    decrypt,
    encrypt,
    read,
)
from tests.unit.wallet.world import World, open_world

PHRASE = "correct horse battery"
QUICK = 1 << 8
BACKUP = Backup(
    "twelve words",
    1_700_000_000_000,
    [KeptKeyset("https://mint.example", "00aa", 7)],
    [KeptProof("https://mint.example", "00aa", 3, 64, b"\x02" * 33)],
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


def test_what_was_written_is_read() -> None:
    assert decrypt(encrypt(BACKUP, PHRASE, cost=QUICK), PHRASE) == BACKUP


def test_nothing_is_readable_without_the_passphrase() -> None:
    sealed = encrypt(BACKUP, PHRASE, cost=QUICK)
    for secret in (b"twelve", b"mint.example", PHRASE.encode()):
        assert secret not in sealed
    assert encrypt(BACKUP, PHRASE, cost=QUICK) != sealed
    assert "twelve" not in repr(BACKUP)


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(encrypt(BACKUP, PHRASE, cost=QUICK)), **fields}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"cashuBo2F0",
        b"\xff\xfe",
        b"{}",
        changed(format="other"),
        changed(version=2),
        changed(more=1),
        changed(cost=0),
        changed(cost=3),
        changed(cost=2 * COST_MAX),
        changed(cost=QUICK * 2),
        changed(nonce=""),
        changed(salt="AAAA"),
        changed(sealed="AAAA"),
    ],
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(BackupError):
        decrypt(data, PHRASE)


def test_another_passphrase_is_refused() -> None:
    with pytest.raises(BackupError, match="passphrase"):
        decrypt(encrypt(BACKUP, PHRASE, cost=QUICK), PHRASE + " ")


async def test_it_holds_what_is_the_wallets_and_no_token_given_out(world: World) -> None:
    await world.house.receive(world.mint.token(4, 8, 16))
    await world.house.send(8)
    await world.house.send(3)  # spends 4, keeps 1
    backup = await world.db.read(lambda c: read(c, "words", 5))
    assert sorted(proof.amount for proof in backup.proofs) == [1, 16]
    (keyset,) = backup.keysets
    assert (keyset.mint, keyset.counter) == (world.mint.url, 3 + 3)
    assert (backup.words, backup.made_at) == ("words", 5)
    assert {proof.keyset for proof in backup.proofs} == {keyset.id}
