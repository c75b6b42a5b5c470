"""Ecash: the node's own Cashu wallet engine, from curve points to the HTTP client of a mint.

Knows mints, keysets, tokens and proofs. Knows nothing of keys, balances or requests: what a
movement means to the ledger is said by whoever starts it.
"""
