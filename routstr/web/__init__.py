"""Pages for clients: the start page, a key's own page, the playground.

Parses and answers; keys, balances and prices belong to the owners below.
"""
