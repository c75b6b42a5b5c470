"""``routstr doctor``: looks at everything that a node needs, changes nothing, and says what to do.

Each check is a module of :mod:`routstr.cli.doctor.checks` with one function ``check(patient)`` that
returns findings, and one line in :mod:`routstr.cli.doctor.registry`.
"""
