"""Money at random, small: whatever users ask, in whatever order, both databases keep every promise.

``make money-fuzz`` does the same for as long as one likes.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from devkit.postgres import Postgres
from routstr.core.clock import ManualClock
from tests.fuzz import lifecycle, money, over_foreign, over_keys, over_lightning, requests, rules
from tests.fuzz.loop import HastyLoop
from tests.fuzz.places import Ear, Place, PostgresPlace, SqlitePlace, listening
from tests.fuzz.scope import Choices, Planner, Scope
from tests.fuzz.world import World

PROFILE: Final = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,  # the same rules each time, as far as threads allow
    database=None,
    phases=[Phase.generate],  # a failure tells its steps; to shorten them takes minutes
    suppress_health_check=list(HealthCheck),
)
FOLLOWING: Final = 3
NUMBERS: Final = st.tuples(*(st.integers(0, 255) for _ in range(6)))


class MoneyMachine(RuleBasedStateMachine):
    """Every rule may follow every other; what they find to work on is theirs to choose."""

    def __init__(self, place: Place, ear: Ear) -> None:
        super().__init__()
        self._closing = ExitStack()
        clock = ManualClock()
        ear.heard.clear()
        self._url = place.create()
        self._closing.callback(place.remove, self._url)
        self._runner = asyncio.Runner(loop_factory=lambda: HastyLoop(clock))
        self._closing.enter_context(self._runner)
        self._world = self._runner.run(World.open(self._url, clock, ear.heard))
        self._closing.callback(lambda: self._runner.run(self._world.stop()))

    def _do(self, numbers: tuple[int, ...], planner: Planner) -> None:
        """One request, then a few that may have to do with it."""
        scope = self._scope(numbers)
        self._runner.run(rules.do(scope, planner))
        for _ in range(FOLLOWING):
            later = Scope.wide(self._world, scope.choices).narrow()
            self._runner.run(rules.do(later, scope.choices.pick(requests.ALL)))

    def _let(self, numbers: tuple[int, ...], other: rules.Rule) -> None:
        async def happen() -> None:
            await other(self._scope(numbers))

        self._runner.run(happen())

    def _scope(self, numbers: tuple[int, ...]) -> Scope:
        return Scope.wide(self._world, Choices(numbers))

    @initialize(numbers=NUMBERS)
    def begin_with_a_key(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.create)

    @rule(numbers=NUMBERS)
    def create(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.create)

    @rule(numbers=NUMBERS)
    def top_up(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.top_up)

    @rule(numbers=NUMBERS)
    def give_the_same_token_again(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.same_token)

    @rule(numbers=NUMBERS)
    def give_an_overlapping_token(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.overlapping_token)

    @rule(numbers=NUMBERS)
    def spend_a_token_elsewhere(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.spend_elsewhere)

    @rule(numbers=NUMBERS)
    def place_a_hold(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.place_hold)

    @rule(numbers=NUMBERS)
    def settle(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.settle)

    @rule(numbers=NUMBERS)
    def release(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.release)

    @rule(numbers=NUMBERS)
    def give_back(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.give_back)

    @rule(numbers=NUMBERS)
    def claim(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.claim)

    @rule(numbers=NUMBERS)
    def pay(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.pay)

    @rule(numbers=NUMBERS)
    def pay_again(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.pay_again)

    @rule(numbers=NUMBERS)
    def claim_change(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.claim_change)

    @rule(numbers=NUMBERS)
    def order_an_invoice(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.order_invoice)

    @rule(numbers=NUMBERS)
    def pay_an_invoice(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.pay_invoice)

    @rule(numbers=NUMBERS)
    def ask_about_an_invoice(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.ask_invoice)

    @rule(numbers=NUMBERS)
    def ask_the_mints(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.ask_mints)

    @rule(numbers=NUMBERS)
    def refund_over_lightning(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.send_back)

    @rule(numbers=NUMBERS)
    def pay_the_operator(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.pay_out)

    @rule(numbers=NUMBERS)
    def end_payments(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.end_payments)

    @rule(numbers=NUMBERS)
    def move_between_mints(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.move_between)

    @rule(numbers=NUMBERS)
    def finish_moves(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.finish_moves)

    @rule(numbers=NUMBERS)
    def tidy_up(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_lightning.tidy_up)

    @rule(numbers=NUMBERS)
    def spend_with_a_key(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.spend)

    @rule(numbers=NUMBERS)
    def make_child_keys(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.make_children)

    @rule(numbers=NUMBERS)
    def reset_a_child_key(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.reset_child)

    @rule(numbers=NUMBERS)
    def revoke_a_child_key(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.revoke_child)

    @rule(numbers=NUMBERS)
    def rotate_a_key(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.rotate)

    @rule(numbers=NUMBERS)
    def say_when_a_key_ends(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.set_terms)

    @rule(numbers=NUMBERS)
    def refund_expired_keys(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.refund_expired)

    @rule(numbers=NUMBERS)
    def donate(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.donate)

    @rule(numbers=NUMBERS)
    def take_profit_out_as_a_token(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_keys.take_out)

    @rule(numbers=NUMBERS)
    def bring_a_token_of_a_foreign_mint(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_foreign.pass_on)

    @rule(numbers=NUMBERS)
    def bring_such_a_token_again(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_foreign.pass_again)

    @rule(numbers=NUMBERS)
    def a_foreign_mint_pays_what_it_had_refused(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, over_foreign.pay_after_all)

    @rule(numbers=NUMBERS)
    def ask_about_invoices_that_were_given_up(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, over_foreign.ask_given_up)

    @rule(numbers=NUMBERS)
    def a_token_of_a_foreign_mint_meets_trouble(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, over_foreign.pass_in_trouble)

    @rule(numbers=NUMBERS)
    def watch_claims(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.watch_claims)

    @rule(numbers=NUMBERS)
    def sweep(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.sweep)

    @rule(numbers=NUMBERS)
    def recover(self, numbers: tuple[int, ...]) -> None:
        self._do(numbers, requests.recover)

    @rule(numbers=NUMBERS)
    def several_at_once(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.at_once)

    @rule(numbers=NUMBERS)
    def a_node_dies(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.die)

    @rule(numbers=NUMBERS)
    def a_node_takes_over(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.take_over)

    @rule(numbers=NUMBERS)
    def a_request_ends_late(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.settle_late)

    @rule(numbers=NUMBERS)
    def a_payment_ends_late(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.pay_late)

    @rule(numbers=NUMBERS)
    def a_node_falls_silent(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.fall_silent)

    @rule(numbers=NUMBERS)
    def nodes_come_back(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.come_back)

    @rule(numbers=NUMBERS)
    def time_passes(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.let_time_pass)

    @rule(numbers=NUMBERS)
    def a_mint_errs(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.mint_trouble)

    @rule(numbers=NUMBERS)
    def the_database_errs(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.database_trouble)

    @rule(numbers=NUMBERS)
    def a_read_fails(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.read_trouble)

    @rule(numbers=NUMBERS)
    def a_mint_rotates_its_keys(self, numbers: tuple[int, ...]) -> None:
        self._let(numbers, rules.rotate_keys)

    def teardown(self) -> None:
        """Everything can be settled and everybody gets their money back, unless a rule failed."""
        with self._closing:
            if sys.exc_info()[0] is None:
                self._runner.run(lifecycle.close(self._world))


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as ear:
        yield ear


def run_machine(place: Place, ear: Ear) -> None:
    factory: Any = lambda: MoneyMachine(place, ear)  # noqa: E731 - more general than its type says
    run_state_machine_as_test(factory, settings=PROFILE)


def test_no_money_is_lost_or_made_on_sqlite(tmp_path: Path, ear: Ear) -> None:
    place = SqlitePlace(tmp_path)
    run_machine(place, ear)


@pytest.mark.postgres
def test_no_money_is_lost_or_made_on_postgres(ear: Ear) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        server = runner.run(Postgres.start())
        try:
            place = PostgresPlace(server)
            run_machine(place, ear)
        finally:
            runner.run(server.stop())


def test_a_long_run_ends_with_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert money.main(["--ops", "150", "--seed", "1", "--db", "sqlite", "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("seed 1, ")
    assert "broken equations" in told
