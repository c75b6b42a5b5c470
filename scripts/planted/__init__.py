"""Plants the five classic faults of a ledger with a wallet, and sees that the tests find each."""
