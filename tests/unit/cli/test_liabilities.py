"""A balance is proven with nothing but the file."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from routstr.cli.tree import cli
from routstr.payment.liabilities import Owed, Standing, prove
from routstr.payment.signing import SigningKey

KEY = SigningKey(b"k" * 32)


def run(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, words, input=stdin)


def test_each_key_gets_its_own_proof(tmp_path: Path) -> None:
    _, proofs = prove(Standing([Owed("one", 5), Owed("two", 7)], 20), KEY, 1)
    lines = b"".join(msgspec.json.encode(proof) + b"\n" for proof in proofs)
    (tmp_path / "proofs.jsonl").write_bytes(lines)
    mine = run("liabilities", "proof", str(tmp_path), "two").output.encode()
    done = run("liabilities", "verify", "-", "--pubkey", KEY.pubkey, stdin=mine)
    assert "balance of 7 msat" in done.output
    assert run("liabilities", "proof", str(tmp_path), "three").exit_code == 1
    assert run("liabilities", "proof", str(tmp_path / "none"), "two").exit_code == 1


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    done = run("liabilities", "export", str(tmp_path))
    assert done.exit_code == 2
