"""What a group of settings is, and what its settings mean."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Fields of one subject; combined into ``Settings``."""

    model_config = ConfigDict(defer_build=True, frozen=True)


@cache
def meanings(group: type[Group]) -> Mapping[str, str]:
    """What each setting of a group means: the text below it. Read from the source when asked for.

    The framework could keep the texts, too; it would read every source at each start.
    """
    (definition,) = ast.parse(inspect.getsource(group)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for setting, text in pairwise(definition.body):
        match setting, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(said))),
            ):
                found[name] = inspect.cleandoc(said)
    return found
