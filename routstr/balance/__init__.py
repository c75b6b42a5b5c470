"""Keys and balances over HTTP: ``/v1/balance`` and its older name ``/v1/wallet``."""
