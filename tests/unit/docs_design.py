"""What a row of docs/from-the-design.md must be like."""

import re
from typing import Final

from tests.unit.docs_markdown import ROOT, spans
from tests.unit.docs_node import Surface
from tests.unit.docs_references import problem_with

STATES: Final = {"same", "renamed", "replaced", "extended", "to come"}


def problems_of(cells: tuple[str, ...], surface: Surface) -> list[str]:
    """What is wrong with a row of the design map."""
    if len(cells) != 4:
        return [f"{len(cells)} cells"]
    name, here, state, why = cells
    references = spans(here)
    found = [problem for one in references if (problem := problem_with(one, surface))]
    if state not in STATES:
        found.append(f"no state {state!r}")
    if state == "to come" and "comes with " not in f"{why} " and "come with " not in f"{why} ":
        found.append("does not say with what it comes")
    if state == "to come" and here == "—" and is_there(name, surface):
        found.append("is there by now")
    if state != "to come" and not references:
        found.append("names nothing that could be checked")
    if here != "—" and here != ", ".join(f"`{one}`" for one in references):
        found.append(f"{here!r} is no list of references")
    if state not in {"same", "to come"} and not why:
        found.append("does not say why")
    if state == "same" and (own := own_name(name)) and not any(has(one, own) for one in references):
        found.append(f"is not the same: {here}")
    return found


def is_there(cell: str, surface: Surface) -> bool:
    """Whether a first cell that is one name leads to something."""
    names = spans(cell)
    return cell == f"`{names[0]}`" and problem_with(names[0], surface) is None if names else False


def has(reference: str, name: str) -> bool:
    """Whether a reference ends in this name, or is a file that contains it."""
    file = ROOT / reference
    return name in reference or (file.is_file() and name in file.read_text(encoding="utf-8"))


def own_name(cell: str) -> str | None:
    """The identifier or path that a first cell is, None when it is words."""
    match = re.fullmatch(r"`(?:[A-Z]\w+\.)?([\w./-]*[\w])/?(?:\(\))?`", cell)
    return match[1] if match and ("_" in match[1] or "/" in match[1] or "." in match[1]) else None
