"""Stored settings: what a process starts with, and who makes it serve with others."""

from functools import partial
from typing import Final

from routstr.assembly.models import check_rules
from routstr.assembly.process import Process
from routstr.assembly.succession import START_PROBLEMS, Succession
from routstr.core.options.service import Agree, Options, Unusable
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor

LOOK_SECONDS: Final = 2.0
"""How soon every process on the database uses what one of them has stored."""


def build_options(process: Process, succession: Succession) -> Options:
    """The stored settings of this process, still to be loaded."""

    async def use(settings: Settings, agree: Agree | None) -> None:
        try:
            await succession.take_over(settings, agree)
        except START_PROBLEMS as problem:
            raise Unusable(str(problem)) from problem

    check = partial(check_rules, brought=process.extensions.rules)
    return Options(process.db, process.clock, process.given, check, use)


def start_options(options: Options, supervisor: Supervisor) -> None:
    """Use what others store from now on."""
    supervisor.every("options", LOOK_SECONDS, options.look)
