from bench import simulation
from bench.instances_report import ONE, PARTS, Found, Round
from bench.queues import World


def test_service_times_are_those_of_one_instance() -> None:
    cpu = dict(zip(PARTS, (190.0, 10.0, 60.0, 80.0, 20.0, 10.0), strict=True))
    found = Found({}, [Round(ONE, 900, 5, 9, cpu)], [], {}, "", 2)
    world = simulation.world_of(found, 0.002, 7)
    assert world == World(loop_s=200e-6, pair_s=30e-6, commit_s=0.002, seed=7)


def test_what_a_load_needs_grows_with_it() -> None:
    told = simulation._capacity(World(loop_s=0.05, pair_s=0.001))
    assert "| 1,000,000 | 35 | 3 | 0.1 | 0.36 |" in told
    assert "| 1,000,000,000 | 34,722 | 2894 | 69.4 | 365.00 |" in told


def test_a_table_has_a_mark_for_every_column() -> None:
    assert simulation._table("a | b", [("1", "2")]) == "| a | b |\n|---:|---:|\n| 1 | 2 |"
