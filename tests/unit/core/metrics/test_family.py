from routstr.core.metrics import read
from routstr.core.metrics.counted import COUNTED
from routstr.core.metrics.family import Kind

EVERY = (*COUNTED, *read.READ)


def test_names_follow_the_conventions() -> None:
    assert len({family.name for family in EVERY}) == len(EVERY)
    for family in EVERY:
        assert family.name.startswith("routstr_")
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name
        assert family.help.endswith("."), family.name
        assert bool(family.bounds) == (family.kind is Kind.HISTOGRAM), family.name


def test_buckets_rise_and_are_whole_in_what_is_counted() -> None:
    for family in EVERY:
        assert list(family.edges) == sorted(set(family.edges))
        assert all(
            edge == bound * family.scale
            for edge, bound in zip(family.edges, family.bounds, strict=True)
        )


def test_no_label_is_a_client() -> None:
    labels = {label for family in EVERY for label in family.labels}
    assert labels == {
        "account", "code", "database", "direction", "endpoint", "kind", "method", "mint", "model",
        "name", "operation", "provider", "result", "state", "status", "unit", "version",
    }  # fmt: skip
