from pathlib import Path

from routstr.core.clock import ManualClock
from routstr.payment.verification import Verifications
from routstr.payment.verifier import Verified, Verifier
from tests.unit.payment.lightning import open_desk
from tests.unit.payment.test_verifier import Bell


class _Failing(Verifier):
    """Comes to no end."""

    def __init__(self) -> None:
        self.last = None

    async def run(self, *, full: bool | None = None) -> Verified:
        raise OSError("the disk is gone")


async def test_one_run_at_a_time_is_remembered_with_its_outcome(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        clock = desk.world.clock
        runs = Verifications(Verifier(desk.world.db, clock, Bell()), clock)
        assert runs.begin(full=True)
        assert not runs.begin(full=True)
        await runs.wait()
        last = runs.last
        assert last is not None
        assert (last.audit.full, last.audit.holds, runs.problem) == (True, True, "")
        await runs.stop()


async def test_a_run_that_fails_says_so_and_another_may_begin() -> None:
    runs = Verifications(_Failing(), ManualClock())
    assert runs.begin(full=False)
    await runs.wait()
    assert (runs.problem, runs.last) == ("OSError", None)
    assert runs.begin(full=False)
    await runs.stop()
    assert runs.since is None
