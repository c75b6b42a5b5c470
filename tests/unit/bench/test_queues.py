from dataclasses import replace

import pytest

from bench.queues import World, most, simulate

SMALL = World(rate=200, seconds=3, provider_s=0.05)


def test_the_same_seed_is_the_same_run() -> None:
    assert simulate(SMALL) == simulate(SMALL)
    assert simulate(SMALL) != simulate(replace(SMALL, seed=2))


def test_what_arrives_is_served_where_nothing_is_busy() -> None:
    outcome = simulate(SMALL)
    assert outcome.rate == pytest.approx(200, rel=0.1)
    assert outcome.lost == 0
    # both halves on the loop, two batches with their trips, and little more
    alone = SMALL.loop_s + 2 * (SMALL.pair_s + SMALL.commit_s + 2 * SMALL.rtt_s)
    assert alone <= outcome.p50_s < 2 * alone
    assert outcome.loop_busy == pytest.approx(200 * SMALL.loop_s, rel=0.1)


def test_an_instance_serves_no_more_than_its_processor_allows() -> None:
    slow = replace(SMALL, loop_s=0.02)
    assert 0.9 * 50 <= most(slow, p99_s=1) <= 50


def test_rows_that_all_lock_bound_all_instances_together() -> None:
    many = replace(SMALL, instances=4, loop_s=0.004, commit_s=0.02, seconds=2)
    own, same = (simulate(replace(many, rate=600, shared=shared)) for shared in (False, True))
    assert same.p99_s > 1.5 * own.p99_s


def test_a_far_database_is_waited_for_in_every_batch() -> None:
    near, far = (simulate(replace(SMALL, rtt_s=rtt)) for rtt in (0.0, 0.02))
    assert far.p50_s - near.p50_s >= 2 * 2 * 0.02


def test_who_dies_loses_what_it_had_and_the_others_go_on() -> None:
    outcome = simulate(replace(SMALL, instances=2, dies_at_s=1.5, away_s=0.5))
    assert 0 < outcome.lost < 30
    assert outcome.rate == pytest.approx(200, rel=0.1)
