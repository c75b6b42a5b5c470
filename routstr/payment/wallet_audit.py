"""Verifying the wallet with itself: proofs, the sagas that have them, tokens, counters.

All but the claims of tokens cost no more than what the wallet holds now.
"""

from typing import Final

from sqlalchemy import Connection, text

from routstr.ledger.verify import Check
from routstr.wallet.models import IssuedState, ProofStatus, SagaState

RESERVED: Final = "reserved proofs belong to open sagas"
CLAIMED: Final = "claims of tokens belong to sagas that have not failed"
GIVEN: Final = "tokens given out equal the proofs in them"
COUNTED: Final = "counters are beyond every number used"
_TOLD_MAX: Final = 20

_RESERVED: Final = f"""
SELECT p.id, p.saga FROM proofs p LEFT JOIN sagas s ON s.id = p.saga
WHERE p.status = {int(ProofStatus.RESERVED)}
  AND (s.id IS NULL OR s.state <> {int(SagaState.OPEN)})
ORDER BY p.id LIMIT {_TOLD_MAX}
"""  # noqa: S608 - constants of this program
_CLAIMED: Final = f"""
SELECT c.saga, count(*) FROM claimed_y c LEFT JOIN sagas s ON s.id = c.saga
WHERE s.id IS NULL OR s.state = {int(SagaState.FAILED)}
GROUP BY c.saga ORDER BY c.saga LIMIT {_TOLD_MAX}
"""  # noqa: S608
_GIVEN: Final = f"""
SELECT saga, sum(face), sum(inside) FROM (
  SELECT saga, amount AS face, 0 AS inside FROM issued_tokens
  WHERE state = {int(IssuedState.UNCLAIMED)}
  UNION ALL
  SELECT coalesce(saga, 0), 0, amount FROM proofs WHERE status = {int(ProofStatus.ISSUED)}
) t GROUP BY saga HAVING sum(face) <> sum(inside)
ORDER BY saga LIMIT {_TOLD_MAX}
"""  # noqa: S608
_COUNTED: Final = """
SELECT k.mint, k.unit, k.counter, (SELECT max(p.counter) FROM proofs p WHERE p.keyset = k.id)
FROM keysets k
WHERE k.counter <= (SELECT max(p.counter) FROM proofs p WHERE p.keyset = k.id)
ORDER BY k.id
"""


def check_wallet(connection: Connection, *, full: bool) -> list[Check]:
    """Verify what the wallet holds; ``full``: the claims of all tokens that ever came, too."""
    checks = [
        _check(connection, RESERVED, _RESERVED, "proof {}: saga {} does not spend it"),
        _check(connection, GIVEN, _GIVEN, "saga {}: face value {}, proofs of {}"),
        _check(connection, COUNTED, _COUNTED, "{} in {}: counter {}, number {} is used"),
    ]
    if full:
        words = "saga {}: {} claims, and it has failed or does not exist"
        checks.append(_check(connection, CLAIMED, _CLAIMED, words))
    return checks


def _check(connection: Connection, name: str, query: str, words: str) -> Check:
    return Check(name, tuple(words.format(*row) for row in connection.execute(text(query))))
