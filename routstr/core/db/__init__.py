"""The database port: one writer thread with group commit, snapshot reads, migrations.

Nothing here knows a table of another package. All writes of the node pass through
:meth:`Database.write` or :meth:`Database.hot`; no other module begins or ends a transaction.
"""

from routstr.core.db.backend import Backend, CommitLost, Dialect, Failure, Tx
from routstr.core.db.database import Database, open_backend
from routstr.core.db.node_values import NodeValue
from routstr.core.db.write_marks import WriteMark

__all__ = [
    "Backend",
    "CommitLost",
    "Database",
    "Dialect",
    "Failure",
    "NodeValue",
    "Tx",
    "WriteMark",
    "open_backend",
]
