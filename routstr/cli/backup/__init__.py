"""``routstr backup`` and ``restore``: database, secret key and words in one encrypted file."""
