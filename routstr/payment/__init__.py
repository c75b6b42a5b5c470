"""Use cases with money: what a request may cost, what it did cost, and the price of bitcoin.

``usage``, ``pricing`` and ``cost`` are pure: no framework, no database, no waiting, no settings.
"""
