"""What ``routstr archive check`` and ``find`` do: files alone, no node."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

from routstr.cli.reading import explain
from routstr.cli.shell import EXIT_USAGE, fail
from routstr.discovery.identity import InvalidPublicKey, public_key
from routstr.ledger.archive_removal import Part
from routstr.ledger.archive_rows import HoldFacts, read_hold, read_transfer
from routstr.payment.archive import reading
from routstr.payment.archive import statement as statements
from routstr.payment.archive.format import BadArchive
from routstr.payment.archive.reading import Walk
from routstr.payment.signing import BadStatement


def check(files: Sequence[Path], pubkey: str | None, *, json: bool) -> None:
    """Prove each file, and that each goes on where the one before it ends."""
    told: list[dict[str, Any]] = []
    walk: Walk | None = None
    for file in files:
        walk = _proven(file, walk)
        told.append(_facts(file, walk, pubkey))
    if json:
        typer.echo(msgspec.json.encode(told))
        return
    for one in told:
        sums = "with its opening sums" if one["whole"] else "its opening sums need all files before"
        typer.echo(
            f"{one['file']}: archive {one['number']} is genuine ({sums}):"
            f" {one['removed']} charges of {one['removed_msats']} msat."
        )
    if pubkey is None:
        typer.echo(
            f"Signed by {told[-1]['pubkey']}: compare that with receipt_pubkey of the node's"
            " /v1/info."
        )


def find(file: Path, request_id: str, *, json: bool) -> None:
    """Tell what a request was charged; the file is proven on the way."""
    walk = Walk()
    try:
        found = [one for part in walk.parts(file) for one in _of(part, request_id)]
    except (BadArchive, OSError) as error:
        fail(f"{file} is not proven: {explain(error)}.")
    if not found:
        fail(f"Request {request_id} is not in {file}.")
    if json:
        typer.echo(msgspec.json.encode({"request_id": request_id, "charges": found}))
        return
    for one in found:
        typer.echo(
            f"{one['charged_msats']} msat for {one['model']} ({one['endpoint']}):"
            f" {one['input_tokens']} tokens in, {one['output_tokens']} out, rates {one['rates']}"
        )


def _proven(file: Path, before: Walk | None) -> Walk:
    try:
        return reading.prove(file, before)
    except (BadArchive, OSError) as error:
        fail(f"{file} is not proven: {explain(error)}.")


def _facts(file: Path, walk: Walk, pubkey: str | None) -> dict[str, Any]:
    assert walk.proven is not None, "it was read to its end"
    proven = walk.proven
    try:
        statements.read(proven.statement, pubkey=public_key(pubkey) if pubkey else "")
    except InvalidPublicKey as error:
        fail(f"--pubkey {error}.", EXIT_USAGE)
    except BadStatement as error:
        fail(f"{file} is not proven: {error}.")
    return {
        "file": str(file),
        "whole": proven.whole,
        "pubkey": statements.signer_of(proven.statement),
        **msgspec.structs.asdict(proven.facts),
    }


def _of(part: Part, request_id: str) -> Iterator[dict[str, Any]]:
    holds = {number: read_hold(line) for number, line in part.holds.items()}
    wanted = {number: one for number, one in holds.items() if one.request_id == request_id}
    if not wanted:
        return
    charged = {(row := read_transfer(line)).reference: row.id for line in part.transfers.values()}
    for number, one in wanted.items():
        yield _charge(one, charged.get(number))


def _charge(hold: HoldFacts, transfer: int | None) -> dict[str, Any]:
    return {
        "transfer": transfer,
        "account": hold.account,
        "charged_msats": hold.charged,
        "at_ms": hold.ended_at,
        "model": hold.model,
        "endpoint": hold.endpoint,
        "input_tokens": hold.prompt_tokens,
        "output_tokens": hold.completion_tokens,
        "estimated": bool(hold.estimated),
        "price_version": hold.price_version,
        "rates": hold.rates,
    }
