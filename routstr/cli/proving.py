"""What ``routstr receipt`` and ``routstr liabilities`` do."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from routstr.assembly.signing import NodeSigner
from routstr.cli.opening import existing_key, opened_database
from routstr.cli.reading import PROBLEMS, explain
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.core.clock import SystemClock
from routstr.core.settings import Settings
from routstr.discovery.identity import InvalidPublicKey, public_key
from routstr.discovery.keyring import Keyring
from routstr.payment import liabilities, signing
from routstr.payment.receipts import SEAL, verify_receipt
from routstr.payment.signing import BadStatement

STATEMENT: Final = "statement.json"
PROOFS: Final = "proofs.jsonl"


def receipt(file: Path, pubkey: str | None, *, json: bool) -> None:
    """Prove a receipt or a seal."""
    told = _read(file)
    if told.get("type") == SEAL:
        _proven(told, pubkey, _verify_seal, "The seal is genuine.", json=json)
        return
    _proven(
        told, pubkey, verify_receipt, "The receipt is genuine: {} msat were charged.", json=json
    )


def balance(file: Path, pubkey: str | None, *, json: bool) -> None:
    """Prove a balance."""
    words = "The balance of {} msat is inside of what the node says that it owes."
    told = _read(file)
    statement = told.get("statement")
    signed = statement if isinstance(statement, dict) else {}
    _proven(told, pubkey, liabilities.verify_proof, words, json=json, signed=signed)


def export(settings: Settings, folder: Path, *, json: bool) -> None:
    """Write statement and proofs."""
    if folder.exists():
        fail(f"{folder} exists: nothing is overwritten.", EXIT_USAGE)
    try:
        statement, proofs = asyncio.run(_prove(settings))
        folder.mkdir(mode=0o700, parents=True)
        _write(folder / PROOFS, proofs, 0o600)
        _write(folder / STATEMENT, [statement], 0o644)
    except PROBLEMS as error:
        fail(f"What is owed cannot be proven: {explain(error)}.")
    owed, there = statement["owed_msats"], statement["reserves_msats"]
    if json:
        typer.echo(msgspec.json.encode({**statement, "proofs": len(proofs)}))
    else:
        typer.echo(
            f"{owed} msat are owed, {there} msat are there; {len(proofs)} proofs in {folder}."
        )


def proof_of(folder: Path, key_id: str, *, json: bool) -> None:
    """Print the proof of one key: in one line, or laid out for people."""
    try:
        with (folder / PROOFS).open("rb") as lines:
            for line in lines:
                if msgspec.json.decode(line).get("key_id") == key_id:
                    typer.echo(line.rstrip(b"\n") if json else msgspec.json.format(line))
                    return
    except (OSError, msgspec.DecodeError, AttributeError) as error:
        fail(f"The proofs cannot be read: {explain(error)}.")
    fail(f"There is no proof for {key_id}: it had no balance then.")


async def _prove(settings: Settings) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    node_key, clock = existing_key(settings), SystemClock()
    async with opened_database(settings, node_key) as db:
        signer = NodeSigner(Keyring(db, node_key, clock, settings.nsec), node_key)
        found = await db.read(liabilities.standing)
        return liabilities.prove(found, await signer.key(), clock.now_ms())


def _verify_seal(told: Mapping[str, Any], *, pubkey: str) -> int:
    signing.verify(told, kind=SEAL, pubkey=pubkey)
    return 0


def _proven(
    told: Mapping[str, Any],
    pubkey: str | None,
    prove: Callable[..., int],
    words: str,
    *,
    json: bool,
    signed: Mapping[str, Any] | None = None,
) -> None:
    """Say that it is proven, or fail; and who signed it, when that was not asked."""
    try:
        amount = prove(told, pubkey=public_key(pubkey) if pubkey else "")
    except InvalidPublicKey as error:
        fail(f"--pubkey {error}.", EXIT_USAGE)
    except BadStatement as error:
        fail(f"This is not proven: {error}.")
    by = str((signed or told).get("pubkey"))
    if json:
        typer.echo(msgspec.json.encode({"genuine": True, "msats": amount, "pubkey": by}))
        return
    typer.echo(words.format(amount))
    if pubkey is None:
        typer.echo(
            f"It is signed by {by}: compare that with receipt_pubkey of the node's /v1/info."
        )


def _read(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return signing.read(text)
    except (OSError, BadStatement) as error:
        fail(f"{file} cannot be read: {explain(error)}.")


def _write(path: Path, statements: Iterable[Mapping[str, Any]], mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        for one in statements:
            file.write(msgspec.json.encode(one) + b"\n")
