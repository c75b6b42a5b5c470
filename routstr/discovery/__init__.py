"""The node on Nostr: who it is, which relays it speaks to, what it tells and reads there.

Events that come in are believed only with their signatures checked. No pages and no HTTP routes of
the operator lie here; nothing here moves money.
"""
