"""Limits per key and per address: requests and tokens in a minute, requests at the same time.

Only who is let in, never money. Off as long as no limit is set; then none of this is imported.
"""
