"""The node on Nostr as its operator sees it: key, relays, announcement."""
