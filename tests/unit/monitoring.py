"""What the files of ``deploy/monitoring`` ask for: expressions, and the metrics in them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import promql_parser as promql
import yaml

from routstr.core.metrics.family import Family, Kind
from routstr.node.metrics import FAMILIES

ROOT: Final = Path(__file__).parents[2] / "deploy" / "monitoring"
_VARIABLES: Final = (("$__rate_interval", "5m"), ("$__interval", "15s"))
_OF_PROMETHEUS: Final = frozenset({"job", "instance", "pod", "le"})


def rules() -> list[Mapping[str, Any]]:
    """All alert rules."""
    groups = yaml.safe_load((ROOT / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[Mapping[str, Any]]:
    """All panels of the dashboard but the rows."""
    found = json.loads((ROOT / "dashboard.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Everything that Prometheus is to work out."""
    yield from (rule["expr"] for rule in rules())
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])


def selectors(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The series that an expression reads: their names, and the labels they are chosen by.

    ``ValueError`` when Prometheus would not understand the expression.
    """
    for variable, value in _VARIABLES:
        expression = expression.replace(variable, value)
    yield from _within(promql.parse(expression))


def grouped(expression: str) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Of each aggregation by labels: these labels, and the names of the series inside."""
    for variable, value in _VARIABLES:
        expression = expression.replace(variable, value)
    for node in _nodes(promql.parse(expression)):
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql.AggregateExpr) and modifier is not None:
            names = frozenset(name for name, _ in _within(node.expr))
            yield frozenset(modifier.labels), names


def _nodes(expression: Any) -> Iterator[Any]:
    yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(expression, name, None)
        if inner is not None and not isinstance(inner, str | float):
            yield from _nodes(inner)
    for argument in getattr(expression, "args", None) or ():
        yield from _nodes(argument)


def _within(expression: Any) -> Iterator[tuple[str, frozenset[str]]]:
    for node in _nodes(expression):
        if isinstance(node, promql.VectorSelector):
            labels = {matcher.name for matcher in node.matchers.matchers}
            yield str(node.name), frozenset(labels)


def series() -> Mapping[str, frozenset[str]]:
    """Every series of a node by name, with its labels."""
    return {name: labels for family in FAMILIES for name, labels in _series(family)}


def _series(family: Family) -> Iterator[tuple[str, frozenset[str]]]:
    labels = frozenset(family.labels)
    if family.kind is not Kind.HISTOGRAM:
        yield family.name, labels
        return
    for ending in ("_count", "_sum"):
        yield f"{family.name}{ending}", labels
    yield f"{family.name}_bucket", labels | {"le"}


def known(labels: frozenset[str], name: str) -> bool:
    """Whether a series has all of these labels."""
    return labels <= series()[name] | _OF_PROMETHEUS
