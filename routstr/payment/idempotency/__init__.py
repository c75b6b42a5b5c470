"""Calls that name themselves by an ``Idempotency-Key``: done once, answered alike ever after.

What lives here knows no HTTP framework; ``balance.idempotency`` and ``proxy.once`` put it around
their routes.
"""
