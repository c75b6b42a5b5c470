"""What is remembered of a mint."""

from routstr.core.clock import ManualClock
from routstr.wallet.mint_gate import OUTAGES_BEFORE_REST, MintGate
from routstr.wallet.mint_health import MintHealth


def test_a_mint_that_was_never_asked_is_unknown() -> None:
    assert MintHealth().state == "unknown"
    assert MintGate(ManualClock()).health == MintHealth()


def test_answers_and_failures_are_told_with_their_time() -> None:
    clock = ManualClock(1_000)
    gate = MintGate(clock)
    gate.answered(gate.now_s())
    clock.advance(seconds=2)
    gate.failed("no connection")
    assert gate.health == MintHealth(
        answered_at=1_000,
        failed_at=3_000,
        problem="no connection",
        failures=1,
        latency_ms=0,
    )
    assert gate.health.state == "failing"
    clock.advance(seconds=1)
    gate.answered()
    assert (gate.health.state, gate.health.answered_at, gate.health.failed_at) == (
        "ok",
        4_000,
        3_000,
    )


def test_a_mint_rests_after_outages_or_when_it_asks_for_it() -> None:
    clock = ManualClock()
    gate = MintGate(clock)
    for _ in range(OUTAGES_BEFORE_REST):
        gate.failed()
    assert (gate.health.state, gate.health.rest_s) == ("resting", 1)
    clock.advance(seconds=1)
    assert (gate.health.state, gate.health.failures) == ("failing", OUTAGES_BEFORE_REST)
    gate.asked_to_wait(30)
    assert (gate.health.state, gate.health.rest_s) == ("resting", 30)
    assert "429" in gate.health.problem


def test_the_usual_time_of_an_answer_follows_slowly() -> None:
    clock = ManualClock()
    gate = MintGate(clock)
    for took_ms, usual in ((80, 80), (800, 170), (170, 170)):
        asked_s = gate.now_s()
        clock.advance(ms=took_ms)
        gate.answered(asked_s)
        assert gate.health.latency_ms == usual
