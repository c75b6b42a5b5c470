"""Settings that the operator changes while the node runs: stored, checked, and who is told.

What the environment sets explicitly is not changed here. Serving with changed settings is the
business of whoever gives :class:`routstr.core.options.service.Options` its ``use``.
"""
