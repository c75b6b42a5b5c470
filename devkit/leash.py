"""Run a program that ends when its parent ends: ``leash.py PARENT SIGNAL USER -- PROGRAM ...``.

Runs as a script in the child, between fork and exec, so that no Python code has to run in a
forked copy of a threaded parent. Standard library only: it starts before any environment.

``PARENT`` is the parent's process id, ``SIGNAL`` the number that the kernel sends to the program
at the parent's death (Linux: PR_SET_PDEATHSIG), ``USER`` is ``uid:gid`` to become, or ``-``.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
ORPHANED = 71
"""Exit status when the parent was gone before the leash was fastened."""


def main(arguments: list[str]) -> None:
    """Become the program named after ``--``; never returns."""
    parent, death_signal, user, _, *program = arguments
    if user != "-":
        _become(user)  # first: the kernel forgets the death signal when credentials change
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before prctl took hold: nobody would tell us
        os._exit(ORPHANED)
    os.execv(program[0], program)


def _become(user: str) -> None:
    uid, gid = map(int, user.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    main(sys.argv[1:])
