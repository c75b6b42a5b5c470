"""What every part of the node stands on: settings, secrets, logs, clock, tasks, HTTP, rendering.

Nothing here knows a balance, a price or a mint: a module that does belongs to the layer above.
"""
