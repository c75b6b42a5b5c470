"""The operator's pages below ``/admin``: what the JSON interface does, for people.

Pages call the same desks as the JSON routes, in this process; they decide nothing.
"""
