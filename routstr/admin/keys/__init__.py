"""What an operator sees of keys, and does with them. Keys are known by their public ids only.

Money leaves and comes through the use cases of :mod:`routstr.payment`; nothing is decided here.
"""
