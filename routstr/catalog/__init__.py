"""What the node sells, and at which price: the models file, priced snapshots, ``GET /v1/models``.

No database, no network and no knowledge of who pays: a price of bitcoin comes in, immutable
snapshots come out. ``snapshot`` is pure and imports neither a framework nor ``routstr.core``.
"""
