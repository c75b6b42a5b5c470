"""Why a demo ends early."""


class ShowFailed(Exception):
    """Something was refused, or two amounts that must agree do not; the message says which."""
