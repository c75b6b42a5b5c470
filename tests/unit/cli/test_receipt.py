"""A receipt is proven with nothing but the file."""

import json
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner, Result

from routstr.cli.tree import cli
from routstr.payment.receipts import RECEIPT, SEAL
from routstr.payment.signing import SigningKey

KEY = SigningKey(b"k" * 32)
CHARGED: dict[str, Any] = {
    "type": RECEIPT, "charged_msats": 73, "charges": [{"charged_msats": 73}],
}  # fmt: skip


def run(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, words, input=stdin)


def test_a_receipt_is_proven_and_who_signed_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(msgspec.json.encode(KEY.sign(CHARGED)))
    done = run("receipt", "verify", str(file))
    assert done.exit_code == 0, done.output
    assert "73 msat" in done.output
    assert KEY.pubkey in done.output
    file.write_text(file.read_text().replace("73", "74"))
    done = run("receipt", "verify", str(file), "--pubkey", KEY.pubkey)
    assert done.exit_code == 1
    assert "signature does not belong" in done.output


def test_a_seal_is_proven_from_standard_input() -> None:
    seal = msgspec.json.encode(KEY.sign({"type": SEAL, "digest": "00"}))
    done = run("receipt", "verify", "-", "--json", stdin=seal)
    assert json.loads(done.output) == {"genuine": True, "msats": 0, "pubkey": KEY.pubkey}


def test_a_receipt_of_another_node_is_refused() -> None:
    text = msgspec.json.encode(KEY.sign(CHARGED))
    npub = "npub14f8usejl26twx0dhuxjh9cas7keav9vr0v8nvtwtrjqx3vycc76qqh9nsy"
    done = run("receipt", "verify", "-", "--pubkey", npub, stdin=text)
    assert (done.exit_code, KEY.pubkey in done.output) == (1, True)
    assert run("receipt", "verify", "-", "--pubkey", "npub1x", stdin=text).exit_code == 2
