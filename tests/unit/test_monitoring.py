"""Rules and dashboard of ``deploy/monitoring`` fit what ``GET /metrics`` tells."""

import re

import pytest

from routstr.node.metrics import FAMILIES
from tests.unit import monitoring

UP = "up"
"""Prometheus' own."""


@pytest.mark.parametrize("expression", sorted({*monitoring.expressions()}))
def test_every_series_and_label_exists(expression: str) -> None:
    known = monitoring.series()
    found = list(monitoring.selectors(expression))
    assert found
    for name, labels in found:
        assert name in known or name == UP, name
        assert name == UP or monitoring.known(labels, name), (name, labels)
    for labels, names in monitoring.grouped(expression):
        for name in names - {UP}:
            assert monitoring.known(labels, name), (name, labels)


@pytest.mark.parametrize("wrong", ["sum(rate(x[5m])", "rate(x)", "x{", ""])
def test_what_prometheus_does_not_understand_is_found(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        list(monitoring.selectors(wrong))


def test_every_metric_is_shown_or_watched() -> None:
    """What nobody looks at need not be counted."""
    used = {name for one in monitoring.expressions() for name, _ in monitoring.selectors(one)}
    endings = ("", "_count", "_sum", "_bucket")
    unused = [
        family.name
        for family in FAMILIES
        if not any(family.name + ending in used for ending in endings)
    ]
    assert unused == []


def test_counters_are_read_as_rates_and_never_summed_over_instances() -> None:
    for one in monitoring.expressions():
        for name, _ in monitoring.selectors(one):
            if name.endswith(("_total", "_bucket")):
                assert re.search(rf"rate\(\s*{name}", one), one
            if name.startswith("routstr_") and name not in {
                "routstr_draining", "routstr_build_info",
            }:  # fmt: skip
                assert "without (instance)" in one, one


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    rules = monitoring.rules()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "remedy"} <= rule["annotations"].keys()


def test_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    panels = monitoring.panels()
    assert len({panel["title"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
