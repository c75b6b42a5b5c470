"""The operator's view of the wallet: what is where, what moves, and taking out what is one's own.

The JSON routes and the pages call the same desk; it decides nothing about money, its use cases do.
"""
