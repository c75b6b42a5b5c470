"""Who pays: API keys, tokens used as keys, and the account behind each credential.

Keys are derived from what paid for them and are stored as a keyed hash only.
"""
