"""The operator's own HTTP interface: log-in, sessions, and what an operator may change.

Parses and answers; what is changed, and how, is decided by the owners below.
"""
