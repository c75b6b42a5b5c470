"""Launchers of real services and played counterparts for the demo, the tests and the benchmarks.

Real: a nutshell mint, a PostgreSQL server, a tiny language model, the node itself, a payer's
wallet. Played: an OpenAI-compatible upstream that misbehaves on demand. Everything listens on
loopback, gets its port from the system, lives in a fresh folder and ends with its parent.
Not shipped with the package; imports ``routstr`` only for the wallet's primitives.
"""
