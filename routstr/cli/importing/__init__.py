"""``routstr import``: keys and providers of a Routstr Core database, by its documented columns."""
