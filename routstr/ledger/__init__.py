"""Who owns which msat: accounts, immutable transfers, holds, and the proof that they agree.

Knows no mint, no price and no HTTP. Only this package writes to its tables.
"""
