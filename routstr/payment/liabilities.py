"""Proof of liabilities: all that is owed as one sum, in which everybody finds their own balance.

A Merkle tree whose nodes carry sums. A leaf is a balance under the id of its key and a salt of its
own, so that nobody learns from a proof whose the other leaves are. The node signs root and sum,
beside the reserves that its wallet counts. Whoever has a proof sees that their balance is inside of
that sum; a node that leaves somebody out, or tells two people two roots, can be shown to have.

``docs/event-log.md`` says what is hashed.
"""

import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.ledger.kinds import NEVER_NEGATIVE, AccountKind
from routstr.ledger.verify import between_mints
from routstr.payment import signing
from routstr.payment.signing import BadStatement, SigningKey
from routstr.wallet.holdings import holdings

LIABILITIES: Final = "routstr-liabilities"
BALANCE_PROOF: Final = "routstr-balance-proof"
"""Types of statements; the proof has the statement inside and is not signed again."""
_VERSION: Final = 1
_SALT_BYTES: Final = 16
_DEPTH_MAX: Final = 64
_KINDS: Final = ", ".join(str(int(kind)) for kind in sorted(NEVER_NEGATIVE))
_OWED: Final = f"""
SELECT a.id, a.kind, k.public_id, a.posted FROM accounts a
LEFT JOIN api_keys k ON k.account = a.id WHERE a.kind IN ({_KINDS}) AND a.posted <> 0
"""  # noqa: S608 - constants of this program


class Owed(Struct, frozen=True):
    """What is owed to one key, or to whom else there is; msat."""

    key_id: str
    amount: int


class Standing(Struct, frozen=True):
    """What is owed, and what is there for it, at one moment; msat."""

    owed: list[Owed]
    reserves: int


class Node(Struct, frozen=True):
    """A node of the tree: its digest in hexadecimal digits, and the sum below it."""

    digest: str
    total: int


def standing(connection: Connection) -> Standing:
    """Read everything that is owed, and the reserves as a verification counts them."""
    owed = [
        Owed(row[2] or f"{AccountKind(row[1]).name.lower()}_{row[0]}", int(row[3]))
        for row in connection.execute(text(_OWED))
    ]
    ecash = sum(
        int(one.unit.to_msat(one.liquid + one.reserved + one.issued))
        for one in holdings(connection)
    )
    return Standing(owed, ecash + between_mints(connection))


def prove(found: Standing, key: SigningKey, at: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make the statement that can be published, and each one's proof; ``at`` in ms since 1970."""
    salted = [(secrets.token_hex(_SALT_BYTES), one) for one in found.owed or [Owed("", 0)]]
    leaves = [(leaf(salt, one.key_id, one.amount), salt, one) for salt, one in salted]
    leaves.sort(key=lambda one: one[0].digest)  # the place tells nothing
    levels = _levels([one[0] for one in leaves])
    root = levels[-1][0]
    statement = key.sign(
        {
            "type": LIABILITIES,
            "version": _VERSION,
            "at_ms": at,
            "root": root.digest,
            "owed_msats": root.total,
            "reserves_msats": found.reserves,
        }
    )
    proofs = [
        {
            "type": BALANCE_PROOF,
            "version": _VERSION,
            "key_id": one.key_id,
            "balance_msats": one.amount,
            "salt": salt,
            "path": _path(levels, place),
            "statement": statement,
        }
        for place, (_, salt, one) in enumerate(leaves)
    ]
    return statement, proofs


def verify_proof(proof: Mapping[str, Any], *, pubkey: str = "") -> int:
    """Make sure that a balance is inside of what a node said it owes; return it, in msat.

    ``pubkey`` as for :func:`signing.verify`. Raises :class:`BadStatement`.
    """
    statement = proof.get("statement")
    if proof.get("type") != BALANCE_PROOF or not isinstance(statement, dict):
        raise BadStatement(f"it is no {BALANCE_PROOF}")
    signing.verify(statement, kind=LIABILITIES, pubkey=pubkey)
    balance = _amount(proof.get("balance_msats"))
    here = leaf(str(proof.get("salt")), str(proof.get("key_id")), balance)
    path = proof.get("path")
    if not isinstance(path, list) or len(path) > _DEPTH_MAX:
        raise BadStatement("its path is broken")
    for step in path:
        if not isinstance(step, dict) or step.get("side") not in {"left", "right"}:
            raise BadStatement("its path is broken")
        other = Node(str(step.get("digest")), _amount(step.get("sum_msats")))
        here = _above(other, here) if step["side"] == "left" else _above(here, other)
    if (here.digest, here.total) != (statement.get("root"), statement.get("owed_msats")):
        raise BadStatement("its path does not lead to what the node signed")
    return balance


def leaf(salt: str, key_id: str, amount: int) -> Node:
    """Hash one balance."""
    return Node(_hash(f"routstr leaf v1,{salt},{key_id},{amount}\n"), amount)


def _above(left: Node, right: Node) -> Node:
    told = f"routstr node v1,{left.digest},{left.total},{right.digest},{right.total}\n"
    return Node(_hash(told), left.total + right.total)


def _levels(leaves: Sequence[Node]) -> list[Sequence[Node]]:
    """Build the tree from below; the last of an odd number goes up as it is."""
    levels = [leaves]
    while len(below := levels[-1]) > 1:
        pairs = zip(below[::2], below[1::2], strict=False)
        odd = [below[-1]] if len(below) % 2 else []
        levels.append([*(_above(left, right) for left, right in pairs), *odd])
    return levels


def _path(levels: Sequence[Sequence[Node]], place: int) -> list[dict[str, Any]]:
    path = []
    for level in levels[:-1]:
        beside = place ^ 1
        if beside < len(level):
            other, side = level[beside], "left" if beside < place else "right"
            path.append({"side": side, "digest": other.digest, "sum_msats": other.total})
        place //= 2
    return path


def _amount(value: object) -> int:
    if type(value) is not int or value < 0:
        raise BadStatement("an amount in it is no whole number of msat")
    return value


def _hash(told: str) -> str:
    return sha256(told.encode()).hexdigest()
